"""What a Lambda function is told about its invocation."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext


class FakeLambdaContext(LambdaContext):
    """An invocation with ``seconds_left`` to go."""

    def __init__(self, seconds_left: float = 900.0, request_id: str = "request-1", partition: str = "aws") -> None:
        self.seconds_left = seconds_left
        self._aws_request_id = request_id
        self._function_name = "gopro-test"
        self._function_version = "$LATEST"
        self._invoked_function_arn = f"arn:{partition}:lambda:eu-central-1:123456789012:function:gopro-test"
        self._memory_limit_in_mb = 512

    def get_remaining_time_in_millis(self) -> int:  # type: ignore[override]  # Powertools types it as a static method
        """Return the time left."""
        return int(self.seconds_left * 1000)
