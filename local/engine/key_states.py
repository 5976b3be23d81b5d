"""Customer keys that cannot be used: the engine as published lets every service continue with a disabled key.

Refused is what needs a key that is disabled, waits for its deletion, or does not exist:

* S3: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, codes that begin with ``KMS.``. HeadObject
  needs the key when it asks for checksums, and its refusal has no body, so no code.
* DynamoDB: ``AccessDeniedException`` with KMS's own error in the message, and the table's status is
  ``INACCESSIBLE_ENCRYPTION_CREDENTIALS``
  (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html).
* Secrets Manager, SNS and SQS: the error shapes of their models that are about keys. An alarm that publishes to such a
  topic is dropped silently.
* CloudWatch Logs: what comes for such a log group is lost, with the metrics in it, and what is there cannot be read
  (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html).

It holds from the next call on. On AWS the services continue for minutes with cached data keys.
"""

# ruff: noqa: SLF001  # a patch has to use the engine's private names
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any, Final

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import error_response_json
from ministack.services import cloudwatch_logs, dynamodb, kms, s3, secretsmanager, sns, sqs

from local.engine.patching import replace, replace_entry

Answer = tuple[int, dict[str, str], bytes]

_S3_KEY_HEADER: Final = "x-amz-server-side-encryption-aws-kms-key-id"
_TABLE_OPERATIONS: Final = (
    *("_get_item", "_put_item", "_update_item", "_delete_item", "_query", "_scan"),
    *("_batch_get_item", "_batch_write_item", "_transact_get_items", "_transact_write_items"),
)


class KeyTrouble(Enum):
    """Why a key cannot be used: KMS's own error, and the part of its name that SNS and SQS have in theirs."""

    DISABLED = ("DisabledException", "Disabled", "is disabled.")
    INVALID_STATE = ("KMSInvalidStateException", "InvalidState", "is pending deletion.")
    NOT_FOUND = ("NotFoundException", "NotFound", "does not exist.")

    def __init__(self, kms_code: str, name_elsewhere: str, message: str) -> None:
        self.kms_code = kms_code
        self.name_elsewhere = name_elsewhere
        self.message = message


def apply() -> None:
    """Check the key before whatever needs it."""
    replace(s3, "_dispatch", _with_objects_key(s3._dispatch))
    for name in _TABLE_OPERATIONS:
        replace(dynamodb, name, _with_tables_key(getattr(dynamodb, name)))
    replace(dynamodb, "_table_description", _reporting_inaccessible(dynamodb._table_description))
    replace(secretsmanager, "_get_secret_value", _with_secrets_key(secretsmanager._get_secret_value, "Decryption"))
    replace(secretsmanager, "_put_secret_value", _with_secrets_key(secretsmanager._put_secret_value, "Encryption"))
    for name in ("_publish", "_publish_batch"):
        replace(sns, name, _with_topics_key(getattr(sns, name)))
    replace(sns, "_fanout", _dropping_without_key(sns._fanout))
    for action in ("SendMessage", "SendMessageBatch", "ReceiveMessage"):
        replace_entry(sqs._HANDLERS, action, _with_queues_key(sqs._HANDLERS[action]))
    replace(cloudwatch_logs, "_append_log_events", _losing_without_key(cloudwatch_logs._append_log_events))
    for name in ("_get_log_events", "_filter_log_events"):
        replace(cloudwatch_logs, name, _with_log_groups_key(getattr(cloudwatch_logs, name)))


def trouble_with(key: str | None) -> KeyTrouble | None:
    """Return why a key cannot be used; None if it can, or if it is AWS's own.

    Args:
        key: as the resources have it: an id, an alias, or the ARN of either.
    """
    if not key or "alias/aws/" in key:
        return None
    record = _key_record(key)
    if record is None:
        return KeyTrouble.NOT_FOUND
    return {"Disabled": KeyTrouble.DISABLED, "PendingDeletion": KeyTrouble.INVALID_STATE}.get(record["KeyState"])


def _key_record(key: str) -> dict[str, Any] | None:
    try:
        spec = parse_arn(key)
    except ArnParseError:
        found: dict[str, Any] | None = kms._resolve_key(key)
        return found
    # Alarms and functions' logs are looked at outside of any request, so in no account and no region.
    scope, name = (spec.account_id, spec.region), spec.resource
    identity = name.removeprefix("key/") if name.startswith("key/") else kms._aliases.get_scoped(*scope, key)
    located: dict[str, Any] | None = kms._keys.get_scoped(*scope, identity)
    return located


# --- S3 ---------------------------------------------------------------------------------------------------------------


def _with_objects_key(stock: Callable[..., Answer]) -> Callable[..., Answer]:
    def dispatch(  # noqa: PLR0917  # called like the one that it replaces
        method: str, bucket: str, key: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Answer:
        used = _key_of_request(method, bucket, key, headers, query)
        trouble = trouble_with(used)
        if trouble is None:
            return stock(method, bucket, key, headers, body, query)
        answer: Answer = s3._error(f"KMS.{trouble.kms_code}", f"{used} {trouble.message}", 400, f"/{bucket}/{key}")
        return answer

    return dispatch


def _key_of_request(
    method: str, bucket: str, key: str, headers: Mapping[str, str], query: Mapping[str, Any]
) -> str | None:
    """Return the key that a request needs; None if it needs none, or meets nothing."""
    if not key or {"tagging", "retention", "legal-hold", "acl", "restore"} & query.keys():
        return None
    if "uploadId" in query:
        upload = s3._multipart_uploads.get(s3._qp(query, "uploadId"), {})
        return _key_of_stored(upload) if method in {"PUT", "POST"} else None
    if method in {"PUT", "POST"}:
        asked = headers.get("x-amz-server-side-encryption")
        if asked is not None:
            return headers.get(_S3_KEY_HEADER) if asked.startswith("aws:kms") else None
        by_default: dict[str, str] = s3._bucket_default_sse_headers(bucket)
        return by_default.get(_S3_KEY_HEADER)
    if method == "GET" or (method == "HEAD" and "x-amz-checksum-mode" in headers):
        stored = (s3._buckets.get(bucket) or {"objects": {}})["objects"].get(key)
        return None if stored is None else _key_of_stored(stored)
    return None


def _key_of_stored(stored: Mapping[str, Any]) -> str | None:
    kept: Mapping[str, str] = stored.get("preserved_headers", {})
    return kept.get(_S3_KEY_HEADER)


# --- DynamoDB ---------------------------------------------------------------------------------------------------------


def _with_tables_key(stock: Callable[..., Answer]) -> Callable[..., Answer]:
    def operation(data: dict[str, Any], *more: Any, **named: Any) -> Answer:
        for name in _table_names(data):
            key = _key_of_table(name)
            if (trouble := trouble_with(key)) is not None:
                return _refusal(
                    "AccessDeniedException",
                    f"KMS key access denied error: com.amazonaws.services.kms.model.{trouble.kms_code}: {key} "
                    f"{trouble.message} (Service: AWSKMS; Status Code: 400; Error Code: {trouble.kms_code})",
                )
        return stock(data, *more, **named)

    return operation


def _reporting_inaccessible(stock: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def description(name: str, *more: Any, **named: Any) -> dict[str, Any]:
        description = stock(name, *more, **named)
        if trouble_with(_key_of_table(name)) is None:
            return description
        return {**description, "TableStatus": "INACCESSIBLE_ENCRYPTION_CREDENTIALS"}

    return description


def _table_names(request: Mapping[str, Any]) -> Iterator[str]:
    if "TableName" in request:
        yield request["TableName"]
    yield from request.get("RequestItems", {})
    for item in request.get("TransactItems", []):
        yield from (part["TableName"] for part in item.values())


def _key_of_table(name: str) -> str | None:
    table = dynamodb._tables.get(dynamodb._normalize_table_name(name)) or {}
    described: Mapping[str, str] = table.get("SSEDescription") or {}
    return described.get("KMSMasterKeyArn")


# --- Secrets Manager --------------------------------------------------------------------------------------------------


def _with_secrets_key(stock: Callable[[dict[str, Any]], Answer], direction: str) -> Callable[[dict[str, Any]], Answer]:
    def operation(data: dict[str, Any]) -> Answer:
        _, secret = secretsmanager._resolve(data.get("SecretId"))
        trouble = trouble_with((secret or {}).get("KmsKeyId"))
        if trouble is None:
            return stock(data)
        return _refusal(f"{direction}Failure", f"{secret['KmsKeyId']} {trouble.message}")

    return operation


# --- SNS and SQS ------------------------------------------------------------------------------------------------------


def _with_topics_key(stock: Callable[[dict[str, Any]], Answer]) -> Callable[[dict[str, Any]], Answer]:
    def publish(parameters: dict[str, Any]) -> Answer:
        key = _key_of_topic(sns._p(parameters, "TopicArn") or sns._p(parameters, "TargetArn"))
        trouble = trouble_with(key)
        if trouble is None:
            return stock(parameters)
        answer: Answer = sns._error(f"KMS{trouble.name_elsewhere}", f"{key} {trouble.message}", 400)
        return answer

    return publish


def _dropping_without_key(stock: Callable[..., None]) -> Callable[..., None]:
    """Drop the message: alarms are published through here, and nothing reports their failure."""

    def fan_out(topic_arn: str, *more: Any, **named: Any) -> None:
        if trouble_with(_key_of_topic(topic_arn)) is None:
            stock(topic_arn, *more, **named)

    return fan_out


def _key_of_topic(topic_arn: str) -> str | None:
    topic = sns._topic_by_arn_any_scope(sns._normalize_arn(topic_arn)) or {}
    attributes: Mapping[str, str] = topic.get("attributes", {})
    return attributes.get("KmsMasterKeyId")


def _with_queues_key(stock: Callable[[dict[str, Any], str], Any]) -> Callable[[dict[str, Any], str], Any]:
    def action(data: dict[str, Any], queue_url: str) -> Any:
        key = sqs._get_q(data.get("QueueUrl", queue_url))["attributes"].get("KmsMasterKeyId")
        trouble = trouble_with(key)
        if trouble is not None:
            raise sqs._Err(f"Kms{trouble.name_elsewhere}", f"{key} {trouble.message}")
        return stock(data, queue_url)

    return action


# --- CloudWatch Logs --------------------------------------------------------------------------------------------------


def _losing_without_key(stock: Callable[..., None]) -> Callable[..., None]:
    def append(stream: dict[str, Any], events: list[dict[str, Any]]) -> None:
        if trouble_with(_key_of_stream(stream)) is None:
            stock(stream, events)

    return append


def _key_of_stream(stream: dict[str, Any]) -> str | None:
    for group in cloudwatch_logs._log_groups.values():
        if any(own is stream for own in group["streams"].values()):
            key: str | None = group.get("kmsKeyId")
            return key
    return None


def _with_log_groups_key(stock: Callable[[dict[str, Any]], Answer]) -> Callable[[dict[str, Any]], Answer]:
    def read(data: dict[str, Any]) -> Answer:
        group = cloudwatch_logs._log_groups.get(cloudwatch_logs._resolve_log_group_name(data)) or {}
        if trouble_with(group.get("kmsKeyId")) is None:
            return stock(data)
        return _refusal("AccessDeniedException", "The specified KMS key does not exist or is not allowed to be used.")

    return read


def _refusal(code: str, message: str) -> Answer:
    answer: Answer = error_response_json(code, message, 400)
    return answer
