"""The state machine, the template and the code agree: names, errors, timeouts, and what may never be in a payload."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, cast

import botocore.session
import pytest

from gates.template import Stack, resource, state_machine, state_machine_text, states, template
from gopro_sync import errors
from gopro_sync.archive.retries import LONGEST_RETRY_AFTER_SECONDS
from gopro_sync.handlers.video_downloader import TRIES_OF_THE_STATE_MACHINE
from gopro_sync.run.platform_faults import CANNOT_BE_RUN, FUNCTION_DIED, LAMBDA_NOT_READY, is_passing
from gopro_sync.run.run_files import write_manifest
from local.engine.jsonata import evaluate
from tests.support.state_machine import EXECUTION_ARN

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# How each call of a function is tried again after AWS's own faults (run/platform_faults.py has the names): the state
# machine's language has no way to say it once. Every other name in ErrorEquals must be a class of errors.py.
NOT_READY: Final = {
    "IntervalSeconds": 2,
    "MaxAttempts": 6,
    "BackoffRate": 2.0,
    "MaxDelaySeconds": 60,
    "JitterStrategy": "FULL",
}
ONCE_MORE: Final = {"IntervalSeconds": 5, "MaxAttempts": 1}
OTHER_AWS_ERRORS: Final = {
    "States.ALL",
    "States.TaskFailed",
    "States.ItemReaderFailed",
    "States.DataLimitExceeded",
    "DynamoDB.ConditionalCheckFailedException",
}
# An AWS service's refusal comes at once, or the call's own client gives up on it.
REFUSAL_SECONDS: Final = 15

# Every error class is here on purpose, with the tasks that retry it. None: it is given up at once, everywhere.
AUTHENTICATION: Final = {"AuthenticateGoPro", "RenewSession", "AskWhyBlocked"}
EVERY_FUNCTION: Final = {*AUTHENTICATION, "ListMedia", "DownloadVideo"}
RETRIED_BY: Final[dict[str, set[str]]] = {
    "NetworkError": EVERY_FUNCTION,
    "TimeoutError": EVERY_FUNCTION,
    "ThrottledError": EVERY_FUNCTION,
    "GoProUnavailableError": {"ListMedia"},
    "SecretStoreError": EVERY_FUNCTION,
    "LibraryIncompleteError": {"ListMedia"},
    "StorageError": {"ListMedia", "DownloadVideo", "ReportRun"},
    "TrackerError": EVERY_FUNCTION | {"ReportRun"},
    "SessionBusyError": AUTHENTICATION,
    "SourceResponseError": {"DownloadVideo"},
    "SourceUrlExpiredError": {"DownloadVideo"},
    "SourceChangedError": {"DownloadVideo"},
    "IntegrityError": {"DownloadVideo"},
    "ItemRefusedError": {"DownloadVideo"},
    "ItemUnreadableError": {"DownloadVideo"},
}
OF_ONE_VIDEO: Final = {
    "IncompleteSourceError",
    "SourceMissingError",
    "SourceLostError",
    "NotResumableError",
    "MediaGoneError",
    "KeyConflictError",
    "ObjectRefusedError",
}
GIVEN_UP_AT_ONCE: Final = OF_ONE_VIDEO | {
    "ConfigurationError",
    "InvalidEventError",
    "AuthenticationError",
    "AccessDeniedError",
    "RequestRefusedError",
    "GoProApiChangedError",
    "UnexpectedError",
}
# A renewal comes first, and then the call again; a bounded number of times.
MENDED_BY_A_RENEWAL: Final = {"SessionRefusedError": {"ListMedia", "DownloadVideo"}}
# Secrets Manager takes the step again.
ONLY_IN_A_ROTATION: Final = {"AlertError"}

TASKS: Final = {name: state for name, state in states() if state["Type"] == "Task"}
FUNCTION_OF: Final = {
    **dict.fromkeys(sorted(AUTHENTICATION), "AuthenticatorFunction"),
    **dict.fromkeys(["ListMedia", "ReportRun", "CountRun"], "MediaListerFunction"),
    "DownloadVideo": "VideoDownloaderFunction",
}
# They come after the run's planned end, when no downloads compete for the account's concurrency, and the notice still
# has to go out: they are tried less often. What they ask of the lister takes seconds of the minutes that it may take.
AT_THE_END: Final = {"AskWhyBlocked", "ReportRun", "CountRun"}
AN_HOUR_IN_SECONDS: Final = 3600
RUN_LIMITS: Final = template()["Mappings"]["RunLimits"]["Run"]
# What a run keeps for what comes after its planned end.
RESERVE_SECONDS: Final = RUN_LIMITS["TimeoutSeconds"] - int(RUN_LIMITS["PlannedSeconds"])


def error_classes(base: type[errors.GoProSyncError] = errors.GoProSyncError) -> set[str]:
    """Return the names of the classes that leave a function: not the bases, nor what stays within a module."""
    names: set[str] = set()
    for child in base.__subclasses__():
        leaves = "never raised itself" not in (child.__doc__ or "") and not child.__name__.startswith("_")
        names |= error_classes(child) | ({child.__name__} if leaves else set())
    return names


def retried_errors(state: dict[str, Any]) -> set[str]:
    return {name for rule in state["Retry"] if rule["MaxAttempts"] for name in rule["ErrorEquals"]}


def timeout_seconds(state: dict[str, Any]) -> int:
    value = state["TimeoutSeconds"]
    if isinstance(value, int):
        return value
    match = re.search(r"\$number\('(\d+)'\) \+ (\d+)", value)
    assert match, value
    return int(match[1]) + int(match[2])


def payload_texts(value: Any) -> Iterator[str]:
    """Yield every field name and text of a state, except those that carry no data: comments and error names."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key not in {"Comment", "ErrorEquals"}:
                yield key
                yield from payload_texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from payload_texts(item)
    elif isinstance(value, str):
        yield value


def test_the_file_is_valid_json_before_anything_is_substituted() -> None:
    assert json.loads(state_machine_text())["QueryLanguage"] == "JSONata"


def test_every_substitution_in_the_file_is_defined_by_the_template_and_none_is_left_over() -> None:
    used = set(re.findall(r"\$\{(\w+)\}", state_machine_text()))
    assert used == set(resource("SyncStateMachine")["DefinitionSubstitutions"])


def test_every_transition_leads_to_a_state_and_every_state_can_be_reached() -> None:
    def check(machine: dict[str, Any]) -> None:
        targets = {machine["StartAt"]}
        for state in machine["States"].values():
            rules = [state, *state.get("Choices", []), *state.get("Catch", [])]
            targets |= {rule[field] for rule in rules for field in ("Next", "Default") if field in rule}
            if "ItemProcessor" in state:
                check(state["ItemProcessor"])
        assert targets == set(machine["States"])

    check(state_machine())


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_a_time_limit_a_retry_and_a_last_resort(name: str) -> None:
    task = TASKS[name]
    assert timeout_seconds(task) > 0
    assert task["Retry"]
    assert task["Catch"][-1]["ErrorEquals"] == ["States.ALL"]
    assert all(rule["ErrorEquals"] != ["States.ALL"] for rule in task["Retry"][:-1])


@pytest.mark.parametrize(
    ("name", "function"), [(name, function) for name, function in FUNCTION_OF.items() if name in EVERY_FUNCTION]
)
def test_a_function_is_cut_off_by_lambda_before_step_functions_stops_listening(name: str, function: str) -> None:
    function_timeout = int(Stack().resolve(resource(function)["Timeout"]))
    assert function_timeout < timeout_seconds(TASKS[name]) <= function_timeout + 60
    assert TASKS[name]["Arguments"]["FunctionName"] == f"{function}.Arn"


def test_runs_are_traced_and_logged_without_what_their_states_hold() -> None:
    machine = Stack().resolve(resource("SyncStateMachine"))
    assert machine["Tracing"] == {"Enabled": True}
    assert (machine["Logging"]["Level"], machine["Logging"]["IncludeExecutionData"]) == ("ALL", False)


def test_the_run_is_limited_to_two_hours() -> None:
    assert state_machine()["TimeoutSeconds"] == 2 * AN_HOUR_IN_SECONDS == RUN_LIMITS["TimeoutSeconds"]


def test_no_wait_before_a_download_outlasts_what_a_run_keeps_in_reserve_after_its_deadline() -> None:
    # Whoever waits past the deadline must still be started in time to say so, or the run is cut off without a summary.
    for rule in tried_again(TASKS["DownloadVideo"]):
        longest = rule["IntervalSeconds"] * rule.get("BackoffRate", 2.0) ** (rule["MaxAttempts"] - 1)
        longest = min(longest, rule.get("MaxDelaySeconds", longest))
        assert longest < RESERVE_SECONDS, rule["ErrorEquals"]


def tried_again(state: dict[str, Any]) -> list[dict[str, Any]]:
    return [rule for rule in state["Retry"] if rule["MaxAttempts"]]


def longest_ladder(state: dict[str, Any]) -> float:
    """Return the seconds that a task takes at most: its time limit for each try, and the waits of its longest rule.

    Where Lambda has no place for a function, the function takes no time.
    """

    def waits(rule: dict[str, Any]) -> Iterator[float]:
        for attempt in range(rule["MaxAttempts"]):
            wait = rule["IntervalSeconds"] * rule.get("BackoffRate", 2.0) ** attempt
            yield min(wait, rule.get("MaxDelaySeconds", wait))

    timeout = timeout_seconds(state)

    def tries(rule: dict[str, Any]) -> int:
        each = REFUSAL_SECONDS if is_passing(rule["ErrorEquals"][0]) else timeout
        return int(rule["MaxAttempts"] * each + timeout)

    return float(max(sum(waits(rule)) + tries(rule) for rule in tried_again(state)))


def longest_way(name: str, *, without: str) -> float:
    """Return the seconds from a state to the end of the run at the latest, on the ways that pass by another state."""
    state = state_machine()["States"][name]
    seconds = longest_ladder(state) if state["Type"] == "Task" else 0.0
    followers = {following for _, following in exits(state)} - {without} - WAITS_FOR_LAMBDA.keys()
    return seconds + max((longest_way(following, without=without) for following in followers), default=0.0)


def seconds_to_the_end(name: str) -> float:
    """Return the longest way from a state: a run that asks why it was blocked has failed, and starts no other."""
    return max(longest_way(name, without="AskWhyBlocked"), longest_way(name, without="NotifyPartialFailure"))


# The waits of the run's own calls for Lambda, and the choice that leads to each.
WAITS_FOR_LAMBDA: Final = {
    "WaitToAuthenticate": "MayAuthenticateLater?",
    "WaitToList": "MayListLater?",
    "WaitToReport": "MayReportLater?",
}


def latest_wait_ends(wait: str) -> float:
    """Return the seconds from the run's start to the end of the latest wait."""
    run_states = state_machine()["States"]
    latest = re.search(r"< (\d+) %\}", run_states[WAITS_FOR_LAMBDA[wait]]["Choices"][0]["Condition"])
    assert latest
    return float(int(latest[1]) / 1000 + run_states[wait]["Seconds"])


# What a downloader takes to answer that the run's time is up: a cold start, the secret, one call to the table.
ANSWER_SECONDS: Final = 15


def child_seconds_after_planned_end() -> float:
    """Return for how long a child may still be at it: waiting for its next try, failing, or renewing the session."""
    longest_wait: float = max(
        min(rule["IntervalSeconds"] * rule.get("BackoffRate", 2.0) ** (rule["MaxAttempts"] - 1), delay)
        for rule in tried_again(TASKS["DownloadVideo"])
        for delay in [rule.get("MaxDelaySeconds", AN_HOUR_IN_SECONDS)]
    )
    failing = longest_ladder(TASKS["MarkVideoFailed"]) + longest_ladder(TASKS["SendToDeadLetterQueue"])
    children = state_machine()["States"]["DownloadVideos"]["ItemProcessor"]["States"]
    allowed = re.search(r"> (\d+) %\}", children["MayRenewSession?"]["Choices"][0]["Condition"])
    assert allowed
    renewing = longest_ladder(TASKS["RenewSession"]) - int(allowed[1]) / 1000
    return max(longest_wait + ANSWER_SECONDS, failing, renewing + ANSWER_SECONDS, waiting_for_lambda(children))


def waiting_for_lambda(children: dict[str, Any]) -> float:
    """Return for how long after the planned end a child may be at it that began to wait as late as it may."""
    latest = re.search(r"> (\d+) %\}", children["WhatFailed?"]["Choices"][0]["Condition"])
    assert latest
    (rule,) = [rule for rule in tried_again(TASKS["DownloadVideo"]) if is_passing(rule["ErrorEquals"][0])]
    waits = [min(rule["MaxDelaySeconds"], rule["IntervalSeconds"] * 2**attempt) for attempt in range(6)]
    return float(children["WaitForLambda"]["Seconds"] + sum(waits) + ANSWER_SECONDS - int(latest[1]) / 1000)


def test_the_longest_ladders_of_retries_after_the_planned_end_leave_time_for_the_notice() -> None:
    planned_end = int(RUN_LIMITS["PlannedSeconds"])
    end = planned_end + child_seconds_after_planned_end() + seconds_to_the_end("GenerateSummary")
    assert end < RUN_LIMITS["TimeoutSeconds"]


def test_the_longest_ladders_of_retries_before_the_downloads_leave_time_for_the_notice() -> None:
    # A listing whose session is refused makes both steps come twice.
    once = longest_ladder(TASKS["AuthenticateGoPro"]) + longest_ladder(TASKS["ListMedia"])
    for before in (2 * once, once + max(latest_wait_ends("WaitToAuthenticate"), latest_wait_ends("WaitToList"))):
        assert before < int(RUN_LIMITS["PlannedSeconds"])
        assert before + seconds_to_the_end("ReportRun") < RUN_LIMITS["TimeoutSeconds"]
    # The second round begins no later than a wait may.
    again = state_machine()["States"]["MayRenewListingSession?"]["Choices"][0]["Condition"]
    assert again.endswith(state_machine()["States"]["MayListLater?"]["Choices"][0]["Condition"][-12:])


def test_the_longest_wait_for_a_report_leaves_time_for_the_notice() -> None:
    end = latest_wait_ends("WaitToReport") + seconds_to_the_end("ReportRun")
    assert end < RUN_LIMITS["TimeoutSeconds"]


@pytest.mark.parametrize(("name", "state"), [*states()])
def test_every_error_name_is_one_of_ours_or_one_that_aws_documents(name: str, state: dict[str, Any]) -> None:
    del name
    known = error_classes() | LAMBDA_NOT_READY | FUNCTION_DIED | CANNOT_BE_RUN | OTHER_AWS_ERRORS
    for rule in [*state.get("Retry", []), *state.get("Catch", [])]:
        assert set(rule["ErrorEquals"]) <= known


def test_what_is_true_of_all_videos_marks_none() -> None:
    blocked = {
        name
        for rule in TASKS["DownloadVideo"]["Catch"]
        if rule["Next"] == "VideoBlocked"
        for name in rule["ErrorEquals"]
    }
    of_the_run = {"AccessDeniedError", "ConfigurationError", "AuthenticationError", "GoProUnavailableError"}
    assert blocked == of_the_run | CANNOT_BE_RUN


def errors_of_invoke() -> set[str]:
    shapes = botocore.session.get_session().get_service_model("lambda").operation_model("Invoke").error_shapes
    # That the caller may not is said by every service, in no model.
    return {f"Lambda.{shape.name}" for shape in shapes} | {"Lambda.AccessDeniedException"}


def test_the_errors_of_an_invocation_are_lambda_s_own() -> None:
    # Step Functions' own names for what has none in Lambda's model.
    of_the_integration = {
        *("Lambda.AWSLambdaException", "Lambda.SdkClientException", "Lambda.ClientExecutionTimeoutException"),
        "Lambda.Unknown",
    }
    listed = {name for name in LAMBDA_NOT_READY | CANNOT_BE_RUN | FUNCTION_DIED if name.startswith("Lambda.")}
    assert listed <= errors_of_invoke() | of_the_integration


def test_every_error_class_is_either_retried_or_given_up_on_purpose() -> None:
    tables = [set(RETRIED_BY), GIVEN_UP_AT_ONCE, set(MENDED_BY_A_RENEWAL), ONLY_IN_A_ROTATION]
    assert sorted(name for table in tables for name in table) == sorted(error_classes())


def test_a_downloader_knows_when_nobody_calls_it_again() -> None:
    (passing,) = [rule for rule in TASKS["DownloadVideo"]["Retry"] if "StorageError" in rule["ErrorEquals"]]
    assert passing["MaxAttempts"] == TRIES_OF_THE_STATE_MACHINE


def test_a_wait_that_a_function_leaves_to_the_state_machine_is_not_cut_short() -> None:
    (passing,) = [rule for rule in TASKS["DownloadVideo"]["Retry"] if "StorageError" in rule["ErrorEquals"]]
    assert passing["IntervalSeconds"] >= LONGEST_RETRY_AFTER_SECONDS, "more is answered with WAITING"


def test_every_error_that_time_may_mend_is_retried() -> None:
    assert error_classes(errors.RetryableError) - ONLY_IN_A_ROTATION <= set(RETRIED_BY)


@pytest.mark.parametrize(("error", "tasks"), MENDED_BY_A_RENEWAL.items())
def test_a_refused_session_is_renewed_before_anything_else_is_made_of_it(error: str, tasks: set[str]) -> None:
    assert {name for name, task in TASKS.items() if task["Catch"][0]["ErrorEquals"] == [error]} == tasks


@pytest.mark.parametrize("error", sorted(error_classes()))
def test_an_error_is_retried_by_exactly_the_functions_that_the_table_names(error: str) -> None:
    assert {name for name in FUNCTION_OF if error in retried_errors(TASKS[name])} == RETRIED_BY.get(error, set())


@pytest.mark.parametrize("name", sorted(FUNCTION_OF))
def test_every_call_of_a_function_knows_every_name_of_aws_own_faults(name: str) -> None:
    *named, given_up, unknown = TASKS[name]["Retry"]
    (not_ready,) = [rule for rule in named if set(rule["ErrorEquals"]) == LAMBDA_NOT_READY]
    usual = {field: not_ready.get(field) for field in NOT_READY}
    if name in AT_THE_END:
        assert not_ready["MaxAttempts"] >= 1
    else:
        assert usual == NOT_READY
    if name == "DownloadVideo":
        return  # a transfer takes long: what comes once more within the time that is left goes by WhatFailed?
    (died,) = [rule for rule in named if set(rule["ErrorEquals"]) == FUNCTION_DIED]
    assert ONCE_MORE.items() <= died.items()
    assert set(given_up["ErrorEquals"]) >= CANNOT_BE_RUN | GIVEN_UP_AT_ONCE - OF_ONE_VIDEO
    assert given_up["MaxAttempts"] == 0
    assert unknown["ErrorEquals"] == ["States.ALL"]
    assert ONCE_MORE.items() <= unknown.items()


def test_every_call_of_another_service_is_tried_again_whatever_the_name() -> None:
    # By AWS's rule States.TaskFailed is every name but States.Timeout.
    for name in TASKS.keys() - FUNCTION_OF.keys():
        assert TASKS[name]["Retry"][-1]["ErrorEquals"] == ["States.TaskFailed", "States.Timeout"]
        assert TASKS[name]["Retry"][-1]["MaxAttempts"] >= 1


@pytest.mark.parametrize("choice", [*WAITS_FOR_LAMBDA.values(), "MayRenewLater?"])
@pytest.mark.parametrize("error", sorted(errors_of_invoke() | LAMBDA_NOT_READY | CANNOT_BE_RUN | FUNCTION_DIED))
def test_the_state_machine_waits_for_what_the_notices_call_weather(choice: str, error: str) -> None:
    condition = dict(states())[choice]["Choices"][0]["Condition"].removeprefix("{%").removesuffix("%}")
    at = "2026-03-01T02:00:00.000Z"
    seen = {
        "input": {"failure": {"Error": error}, "unreported": error},
        "context": {"State": {"EnteredTime": at}, "Execution": {"StartTime": at}},
    }
    assert evaluate(condition, states=seen, variables={}) is is_passing(error)


def test_every_state_that_calls_a_function_is_held_to_these_rules() -> None:
    callers = {name for name, task in TASKS.items() if task["Resource"] == "arn:aws:states:::lambda:invoke"}
    assert callers == set(FUNCTION_OF)


@pytest.mark.parametrize("error", ["NetworkError", "TimeoutError"])
def test_a_download_is_tried_again_after_30_60_and_120_seconds(error: str) -> None:
    rule = next(rule for rule in TASKS["DownloadVideo"]["Retry"] if error in rule["ErrorEquals"])
    numbers = {name: rule[name] for name in ("IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds")}
    assert numbers == {"IntervalSeconds": 30, "MaxAttempts": 3, "BackoffRate": 2.0, "MaxDelaySeconds": 300}
    waits = [rule["IntervalSeconds"] * rule["BackoffRate"] ** attempt for attempt in range(rule["MaxAttempts"])]
    assert waits == [30, 60, 120]
    assert "JitterStrategy" not in rule


SPECIFIED: Final = {
    *("AuthenticateGoPro", "ListMedia", "CheckNewVideos", "NoNewVideos", "DownloadVideos", "DownloadVideo"),
    *("MarkVideoComplete", "MarkVideoFailed", "GenerateSummary", "CheckForFailures", "NotifyPartialFailure"),
    *("NotifyFailure", "SyncFailed", "SyncComplete"),
}


def test_the_states_of_the_specification_bear_its_names() -> None:
    assert {name for name, _ in states()} >= SPECIFIED


@pytest.mark.parametrize("name", ["NotifyPartialFailure", "NotifyFailure"])
def test_what_people_read_is_not_written_in_the_state_machine(name: str) -> None:
    arguments = TASKS[name]["Arguments"]
    assert arguments["Subject"] == "{% $notice.subject %}"
    assert set(re.findall(r"\$notice\.\w+", arguments["Message"])) == {"$notice.subject", "$notice.text"}


def test_no_state_mentions_a_secret_or_the_place_of_one() -> None:
    forbidden = re.compile(r"token|password|secret|authorization|cookie|signed|download_url|user_id", re.IGNORECASE)
    for name, state in states():
        assert not [text for text in payload_texts(state) if forbidden.search(text)], name


def test_no_substitution_carries_the_secret() -> None:
    values = json.dumps(resource("SyncStateMachine")["DefinitionSubstitutions"])
    assert "CredentialsSecret" not in values


def test_the_state_machine_may_call_exactly_what_its_states_call() -> None:
    needed = {
        "lambda:invoke": "lambda:InvokeFunction",
        "dynamodb:updateItem": "dynamodb:UpdateItem",
        "sqs:sendMessage": "sqs:SendMessage",
        "sns:publish": "sns:Publish",
        "s3:getObject": "s3:GetObject",
        "states:startExecution": "states:StartExecution",
    }
    resources = [state["Resource"] for _, state in states() if "Resource" in state]
    resources += [state["ItemReader"]["Resource"] for _, state in states() if "ItemReader" in state]
    called = {needed[text.removeprefix("arn:aws:states:::")] for text in resources}
    statements = resource("SyncStateMachineRole")["Policies"][0]["PolicyDocument"]["Statement"]
    actions = {statement["Action"] for statement in statements if isinstance(statement["Action"], str)}
    assert actions == called | {"states:StartExecution"}


def test_the_state_machine_may_start_and_watch_its_own_children() -> None:
    stack = Stack()
    label = dict(states())["DownloadVideos"]["Label"]
    statements = {
        statement["Sid"]: stack.resolve(statement)
        for statement in resource("SyncStateMachineRole")["Policies"][0]["PolicyDocument"]["Statement"]
    }
    arn = "arn:aws:states:eu-west-1:123456789012"
    name = stack.name_of("SyncStateMachine")
    assert statements["StartChildExecutions"]["Resource"] == f"{arn}:stateMachine:{name}"
    assert statements["WatchChildExecutions"]["Resource"] == [
        f"{arn}:execution:{name}:*",
        f"{arn}:execution:{name}/{label}:*",
    ]


def test_the_logs_keep_what_happened_but_no_payload() -> None:
    logging = resource("SyncStateMachine")["Logging"]
    assert logging["Level"] == "ALL"
    assert logging["IncludeExecutionData"] is False


def test_the_map_takes_its_concurrency_from_the_parameter() -> None:
    default = template()["Parameters"]["MaxConcurrentDownloads"]["Default"]
    assert dict(states())["DownloadVideos"]["MaxConcurrency"] == f"{{% $number('{default}') %}}"


def test_the_manifest_is_a_list_in_the_place_that_the_state_machine_reads() -> None:
    written: dict[str, Any] = {}

    class Storage:
        def put_object(self, **request: Any) -> dict[str, str]:
            written.update(request)
            return {"ETag": "etag"}

    where = write_manifest(
        cast("S3Client", Storage()), bucket="archive", execution_id=EXECUTION_ARN, items=[{"media_id": "a"}]
    )

    assert json.loads(written["Body"]) == [{"media_id": "a"}]
    assert dict(states())["DownloadVideos"]["ItemReader"]["ReaderConfig"] == {"InputType": "JSON"}
    assert (where["bucket"], where["key"]) == ("archive", written["Key"])
    readable = next(
        statement["Resource"]["Fn::Sub"]
        for statement in resource("SyncStateMachineRole")["Policies"][0]["PolicyDocument"]["Statement"]
        if statement["Action"] == "s3:GetObject"
    )
    assert where["key"].startswith(readable.removeprefix("${ArchiveBucket.Arn}/").removesuffix("*"))


def exits(state: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield each way out of a state, with the name of the state that it leads to."""
    for way in [state, *state.get("Choices", []), *state.get("Catch", [])]:
        if "Next" in way:
            yield way, way["Next"]
    if "Default" in state:
        yield {}, state["Default"]


def assigned_by(state: dict[str, Any]) -> set[str]:
    """Return the variables that a state assigns, whichever way it is left."""
    return {name for way in [state, *(way for way, _ in exits(state))] for name in way.get("Assign", {})}


# From where a run that has a summary comes to its report, again and again too.
AFTER_THE_SUMMARY: Final = {"IsRunBlocked?", "AskWhyBlocked", "WaitToReport"}


def certainly_assigned(flow: dict[str, Any], *, ended_by: str) -> dict[str, set[str]]:
    """Return for each state the variables that every way to it assigns.

    A run that failed before its summary goes to ReportRun by a catch and leaves CheckForFailures by its first rule, so
    that it and a run that has a summary are two flows.
    """
    known: dict[str, set[str]] = {flow["StartAt"]: set()}
    waiting = [flow["StartAt"]]
    while waiting:
        name = waiting.pop()
        for way, following in exits(flow["States"][name]):
            failed = following == "ReportRun" and name not in AFTER_THE_SUMMARY
            if (failed and ended_by == "its summary") or (
                name == "CheckForFailures" and following != "NotifyFailure" and ended_by == "a failure"
            ):
                continue
            arriving = known[name] | set(way.get("Assign", {}))
            if following not in known or not known[following] <= arriving:
                known[following] = known.get(following, arriving) & arriving
                waiting.append(following)
    return known


def flows() -> Iterator[dict[str, Any]]:
    """Yield the state machine and the flow inside of each map, whose children see no variable of their parent."""
    yield state_machine()
    for _, state in states():
        if "ItemProcessor" in state:
            yield state["ItemProcessor"]


@pytest.mark.parametrize("ended_by", ["its summary", "a failure"])
def test_no_expression_reads_a_variable_that_a_way_to_it_has_not_assigned(ended_by: str) -> None:
    """AWS documents no rule for such a variable; `$exists` of one may be false, or may end the run before it began."""
    for flow in flows():
        variables = {name for state in flow["States"].values() for name in assigned_by(state)}
        for name, known in certainly_assigned(flow, ended_by=ended_by).items():
            state = {field: value for field, value in flow["States"][name].items() if field != "ItemProcessor"}
            if name == "CheckForFailures" and ended_by == "a failure":
                state["Choices"] = state["Choices"][:1]
            text = json.dumps(state)
            # A function's parameter or a local name hides a variable of that name.
            local = set(re.findall(r"\$(\w+)(?= :=|,? ?\$?\w*\) ?\{)", text))
            read = set(re.findall(r"\$(\w+)", text)) & variables - local
            assert read <= known, f"{name} reads {read - known}"
