"""Python functions as Lambda runs them: by AWS's own runtime interface client, in an environment of their own.

The engine as published runs them in a worker script of its own, which

* reports every exception as ``Runtime.HandlerError``, so that no Retry or Catch by class name can match;
* hands them the engine's environment variables and installed packages;
* knows no memory limit;
* takes a pause of five milliseconds for the end of a function's output, so that a busy engine loses log lines, and the
  metrics in them.

It also has a faithful Runtime API server, for ``provided.*`` runtimes. So Python functions are sent there, with a
``bootstrap`` that starts awslambdaric from ``.venv/lambda-runtime``.
"""

# ruff: noqa: SLF001  # a patch has to use the engine's private names
from __future__ import annotations

import fcntl
import logging
import os
import queue
import tempfile
import termios
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime as workers
from ministack.services import lambda_svc

from local.engine.environment import LAMBDA_PYTHON_VARIABLE
from local.engine.patching import replace
from local.processes import MARK_VARIABLE

log = logging.getLogger(__name__)

_MEMORY_CHECK_SECONDS = 0.05
# From the pipe, where bytes can be counted, to the queue, where lines can: the reading thread needs time to run.
_QUIET_SECONDS = 0.02
_LONGEST_DRAIN_SECONDS = 5.0

# What the Lambda service sets itself; the engine's Runtime API server knows the values.
_RESERVED = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "LAMBDA_TASK_ROOT",
    "_HANDLER",
)

# What a function needs beyond AWS: where this engine is, whose certificates to trust on the way there, and the mark by
# which it is known as the engine's when the engine has died before it.
_LOCAL = ("AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "SSL_CERT_FILE", MARK_VARIABLE)

_PATH_ON_LAMBDA = "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"


def apply() -> None:
    """Send every ``python*`` runtime through the Runtime API."""
    stock_worker_class = workers._worker_class_for
    stock_execute = lambda_svc._execute_function_warm
    stock_environment = lambda_svc._provided_worker_env
    stock_code_directory = lambda_svc._provided_runtime_code_dir
    bootstrap = _write_bootstrap(python=os.environ[LAMBDA_PYTHON_VARIABLE])

    def worker_class_for(config: dict[str, Any]) -> type:
        return PythonWorker if _is_python(config) else stock_worker_class(config)

    def execute(function: dict[str, Any], event: object, request_id: str) -> Any:
        config = function.get("config") or function
        run = lambda_svc._execute_function_provided_warm if _is_python(config) else stock_execute
        return run(function, event, request_id)

    def environment(config: dict[str, Any], code_directory: str, port: int) -> dict[str, str]:
        variables = stock_environment(config, code_directory, port)
        return function_environment(config, variables) if _is_python(config) else variables

    def code_directory(code_zip: bytes) -> str:
        directory = str(stock_code_directory(code_zip))
        link = Path(directory, "bootstrap")
        # A link, not a copy: a file that is still open for writing in a forked child cannot be executed. A function's
        # first two calls can come at the same moment.
        with suppress(FileExistsError):
            link.symlink_to(bootstrap)
        return directory

    replace(workers, "_worker_class_for", worker_class_for)
    replace(lambda_svc, "_execute_function_warm", execute)
    replace(lambda_svc, "_provided_worker_env", environment)
    replace(lambda_svc, "_provided_runtime_code_dir", code_directory)


def stop_workers() -> None:
    """End the functions' processes; the engine as published leaves them behind."""
    workers.reset()


def function_environment(config: dict[str, Any], variables: dict[str, str]) -> dict[str, str]:
    """Return the environment that the Lambda service gives a Python function, and nothing of ours.

    Args:
        config: the function's configuration as the engine keeps it.
        variables: what the engine would have given: its own environment, the reserved variables, the function's own.
    """
    own = (config.get("Environment") or {}).get("Variables") or {}
    logging_config = config.get("LoggingConfig") or {}
    return {
        **{name: variables[name] for name in (*own, *_RESERVED, *_LOCAL) if name in variables},
        "PATH": _PATH_ON_LAMBDA,
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PYTHONDONTWRITEBYTECODE": "1",  # /var/task is read-only on AWS
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{config['Runtime']}",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": logging_config.get("LogGroup") or f"/aws/lambda/{config['FunctionName']}",
        "AWS_LAMBDA_LOG_FORMAT": logging_config.get("LogFormat", "Text"),
    }


class PythonWorker(workers.ProvidedWorker):  # type: ignore[misc]  # the engine ships no types
    """One execution environment of a Python function, with Lambda's limits."""

    def invoke(self, event: object, request_id: str, **metadata: Any) -> dict[str, Any]:
        """Run one invocation; a function that outgrows its memory, or cannot be loaded, fails as it does on AWS."""
        limit_mb = int(self.config.get("MemorySize", 128))
        with _memory_limit(lambda: self._proc, limit_mb) as usage:
            result = self._invoke_reporting_init_errors(event, request_id, **metadata)
        if usage.exceeded:
            message = f"RequestId: {request_id} Error: Runtime exited with error: signal: killed"
            payload = {"errorType": "Runtime.ExitError", "errorMessage": message}
            result = {**result, "status": "error", "error": message, "error_payload": payload}
        result["log"] = f"{result.get('log') or ''}\nMemory Size: {limit_mb} MB\tMax Memory Used: {usage.peak_mb} MB"
        return result

    def _drain_stderr_bounded(self, *_arguments: float, **_named: float) -> str:
        """Return what the function has written; all of it was in the pipe when its answer came."""
        lines: list[str] = []
        end = time.monotonic() + _LONGEST_DRAIN_SECONDS
        while time.monotonic() < end:
            try:
                lines.append(self._stderr_queue.get(timeout=_QUIET_SECONDS))
            except queue.Empty:
                if not _unread_bytes(self._proc):
                    break
        return "\n".join(lines)

    def _invoke_reporting_init_errors(self, event: object, request_id: str, **metadata: Any) -> dict[str, Any]:
        try:
            return super().invoke(event, request_id, **metadata)  # type: ignore[no-any-return]  # untyped package
        except RuntimeError:
            # Raised by the engine when the module of the handler cannot be imported. What awslambdaric reported then
            # (class name, message, stack) is what AWS returns; the engine would turn it into `Runtime.Unknown`.
            payload = self._init_error
            if not isinstance(payload, dict):
                raise
            return {
                "status": "error",
                "error": payload.get("errorMessage", ""),
                "error_payload": payload,
                "log": self._drain_stderr(),
            }


def _unread_bytes(process: Any) -> int:
    """Return how much of a process's output nobody has read yet."""
    if process is None or process.stdout.closed:
        return 0
    waiting = array("i", [0])
    fcntl.ioctl(process.stdout, termios.FIONREAD, waiting)
    return waiting[0]


class _MemoryUse:
    """What a watched process used."""

    def __init__(self) -> None:
        self.peak_mb = 0
        self.exceeded = False


@contextmanager
def _memory_limit(process_of: Callable[[], Any], limit_mb: int) -> Iterator[_MemoryUse]:
    """Kill the process when it outgrows the limit (on Linux; elsewhere there is no /proc and no limit)."""
    usage = _MemoryUse()
    finished = threading.Event()

    def watch() -> None:
        while not finished.wait(_MEMORY_CHECK_SECONDS):
            process = process_of()
            if process is None:
                continue
            usage.peak_mb = max(usage.peak_mb, _resident_mb(process.pid))
            if usage.peak_mb > limit_mb:
                usage.exceeded = True
                process.kill()
                return

    watcher = threading.Thread(target=watch, name="memory-limit", daemon=True)
    watcher.start()
    try:
        yield usage
    finally:
        finished.set()
        watcher.join()


def _resident_mb(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:  # ended meanwhile, or not Linux
        return 0
    resident = next((line for line in status.splitlines() if line.startswith("VmRSS:")), "VmRSS: 0 kB")
    return int(resident.split()[1]) // 1024


def _write_bootstrap(*, python: str) -> Path:
    path = Path(tempfile.mkdtemp(prefix="bootstrap-"), "bootstrap")
    path.write_text(f'#!/bin/sh\nexec {python} -m awslambdaric "$_HANDLER"\n', encoding="utf-8")
    path.chmod(0o755)
    return path


def _is_python(config: dict[str, Any]) -> bool:
    return str(config.get("Runtime", "")).startswith("python")
