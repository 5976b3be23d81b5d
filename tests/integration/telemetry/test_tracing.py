"""What X-Ray's daemon is sent: in a process of its own, as in Lambda, with the daemon's place on loopback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
PROGRAM = """
from gopro_sync.telemetry.tracing import Part, subsegment
with subsegment(Part.TRACKER, run="night", media_id="m1"):
    pass
try:
    with subsegment(Part.TRANSFER, run="night", media_id="m2"):
        raise ValueError("https://cdn.example.com/v.mp4?Signature=s3cret")
except ValueError:
    pass
"""


def sent_by(program: str, **environment: str) -> list[dict[str, Any]]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(0.2)
        lambdas = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "src"),
            "LAMBDA_TASK_ROOT": "/var/task",
            "AWS_LAMBDA_FUNCTION_NAME": "gopro-test",
            "AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{daemon.getsockname()[1]}",
        }
        subprocess.run([sys.executable, "-c", program], env=lambdas | environment, check=True, timeout=30)
        documents = []
        try:
            while True:
                documents.append(json.loads(daemon.recv(65536).decode().partition("\n")[2]))
        except TimeoutError:
            return documents


def test_parts_of_an_invocation_are_sent_with_run_and_video_and_no_text_of_an_error() -> None:
    good, bad = sent_by(PROGRAM, _X_AMZN_TRACE_ID=TRACE)

    assert (good["name"], good["annotations"]) == ("tracker", {"run": "night", "media_id": "m1"})
    assert bad["annotations"] == {"run": "night", "media_id": "m2", "error_type": "ValueError"}
    assert (bad["name"], bad["fault"]) == ("transfer", True)
    assert bad["trace_id"] == "1-5759e988-bd862e3fe1be46a994272793"
    assert "s3cret" not in json.dumps(bad)


def test_without_a_trace_nothing_is_sent() -> None:
    assert sent_by(PROGRAM) == []


def test_without_a_daemon_the_sdk_is_not_loaded() -> None:
    checks = "import sys\nassert not [name for name in sys.modules if name.startswith('aws_xray_sdk')]\n"
    forget = "import os\ndel os.environ['AWS_XRAY_DAEMON_ADDRESS']\n"

    assert sent_by(forget + PROGRAM + checks, _X_AMZN_TRACE_ID=TRACE) == []


def test_a_function_loads_the_sdk_at_its_start() -> None:
    program = "from gopro_sync.handlers import media_lister\nimport sys\nassert 'aws_xray_sdk.core' in sys.modules\n"

    assert sent_by(program, AWS_DEFAULT_REGION="eu-central-1") == []
