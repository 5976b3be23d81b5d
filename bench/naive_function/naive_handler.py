"""The downloader as it is usually written: everything at the top. What bench/cold_start.py compares with."""

from __future__ import annotations

import boto3
import httpx
from aws_lambda_powertools import Logger, Metrics, Tracer

logger = Logger(service="naive")
metrics = Metrics(namespace="naive", service="naive")
tracer = Tracer(service="naive")
s3 = boto3.client("s3")
dynamodb = boto3.client("dynamodb")
secrets = boto3.client("secretsmanager")
http = httpx.Client(timeout=20)
