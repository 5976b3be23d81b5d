"""The errors of Lambda and Step Functions themselves: the one list of their names, and what they mean.

Sources: the errors of `Invoke` (https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html, and botocore's model),
which Step Functions gives the prefix ``Lambda.``; those of the runtime
(https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html); Step Functions' own
(https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html). A name that is in no list is
treated by its first part: ``Lambda.`` is waited for, since no video is the cause of it; any other is tried once more.
"""

from __future__ import annotations

import re
from typing import Final

_LAMBDA: Final = "Lambda."
_OUT_OF_MEMORY: Final = "Runtime.OutOfMemory"
_PROCESS_ENDED: Final = "Runtime.ExitError"
_NOBODY_KNOWS: Final = "Lambda.Unknown"
_BARE_FAILURE: Final = "States.TaskFailed"
_NO_PLACE: Final = "Lambda.TooManyRequestsException"

_NETWORK_NOT_THERE: Final = frozenset(
    {
        "Lambda.ResourceNotReadyException",
        "Lambda.ENINotReadyException",
        "Lambda.EC2ThrottledException",
        "Lambda.EC2UnexpectedException",
        "Lambda.ENILimitReachedException",
        "Lambda.SubnetIPAddressLimitReachedException",
    }
)
LAMBDA_NOT_READY: Final = _NETWORK_NOT_THERE | {
    _NO_PLACE,
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ResourceConflictException",
}
"""Passing trouble: a full account, a network that is not there yet, Lambda's own failures. Time mends it."""

_RAN_OUT_OF_TIME: Final = frozenset({"Sandbox.Timedout", "States.Timeout", "States.HeartbeatTimeout"})
FUNCTION_DIED: Final = _RAN_OUT_OF_TIME | {_OUT_OF_MEMORY, _PROCESS_ENDED, _NOBODY_KNOWS}
"""The function's death, which is retried once. Whether Step Functions reports memory that ran out under the one name or
the other is documented nowhere; reports have both."""

_CODE_CANNOT_BE_LOADED: Final = frozenset(
    {
        "Runtime.ImportModuleError",
        "Runtime.HandlerNotFound",
        "Runtime.UserCodeSyntaxError",
        "Runtime.InvalidEntrypoint",
        "Runtime.MalformedHandlerName",
    }
)
CANNOT_BE_RUN: Final = _CODE_CANNOT_BE_LOADED | {
    "Lambda.AccessDeniedException",
    "Lambda.ResourceNotFoundException",
    "Lambda.KMSAccessDeniedException",
    "Lambda.KMSDisabledException",
    "Lambda.KMSInvalidStateException",
    "Lambda.KMSNotFoundException",
    "Lambda.EC2AccessDeniedException",
    "Lambda.InvalidSecurityGroupIDException",
    "Lambda.InvalidSubnetIDException",
    "Lambda.InvalidRuntimeException",
    "Lambda.InvalidZipFileException",
    "Lambda.InvalidParameterValueException",
    "Lambda.InvalidRequestContentException",
    "Lambda.RequestTooLargeException",
    "Lambda.SerializedRequestEntityTooLargeException",
    "Lambda.UnsupportedMediaTypeException",
}
"""The function cannot run, for any video, until a person acts: its rights, its key, its network, its code."""

# As the state machine distinguishes them, so that a slightly different spelling is not waited for in vain.
_NO_WEATHER: Final = re.compile("Denied|NotFound|KMS|Invalid|TooLarge|Unsupported|Unknown")

_WAITED: Final = "for as long as the run could wait. The next run resumes automatically"


def is_passing(error: str) -> bool:
    """Return whether Lambda did not run a function for a reason that time mends."""
    return error.startswith(_LAMBDA) and _NO_WEATHER.search(error) is None


def explanation_of(error: str) -> str | None:
    """Return what an error name of Lambda's or Step Functions' means, and what a person can do, in whole sentences.

    Args:
        error: the name of an error.

    Returns:
        None for a name that is none of theirs, or that is self-explanatory.
    """
    if is_passing(error):
        return _passing(error)
    if error in _CODE_CANNOT_BE_LOADED:
        return (
            "The function's code could not be loaded, for any video: the package or a setting of the function is "
            "damaged. Build and deploy the stack again; then start the run again."
        )
    if error in CANNOT_BE_RUN:
        return (
            "AWS Lambda could not run the function, for any video. docs/troubleshooting.md says what to do about "
            f"{error}; then start the run again."
        )
    return _death(error)


def _passing(error: str) -> str:
    if error in _NETWORK_NOT_THERE:
        return (
            f"AWS Lambda could not connect the function to its VPC {_WAITED}. If this happens again: the subnets of "
            "VpcSubnetIds need free addresses, and the account network interfaces (docs/limits.md)."
        )
    if error == _NO_PLACE:
        return (
            f"AWS Lambda had no free capacity for the function {_WAITED}. The account's concurrent executions, of "
            "which a new account has 10, were in use by whatever else runs in it. If it happens again: ask AWS for "
            "more (Service Quotas, AWS Lambda, Concurrent executions; docs/limits.md)."
        )
    return f"AWS Lambda did not accept the call {_WAITED}. If it happens again: look at the AWS Health Dashboard."


def _death(error: str) -> str | None:
    if error == _OUT_OF_MEMORY:
        return "The function ran out of memory. Raise its MemoryMegabytes in template.yaml, and deploy."
    if error == _PROCESS_ENDED:
        return (
            "The function's process ended unexpectedly, most likely because it ran out of memory. Raise its "
            "MemoryMegabytes in template.yaml, and deploy."
        )
    if error in _RAN_OUT_OF_TIME:
        return "The function did not answer within its time. The next run tries again; if it happens again, report it."
    if error in {_NOBODY_KNOWS, _BARE_FAILURE}:
        return (
            "AWS does not know how the call ended. The next run tries again; if this happens again, look at the "
            "function's log and at the AWS Health Dashboard."
        )
    return None
