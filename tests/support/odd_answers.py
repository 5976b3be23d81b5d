"""What goes wrong with AWS's answers, told as data: which requests get which odd answer, and how often.

``answer_proxy.py`` gives them on the wire, ``odd_client.py`` to a client that moto stands behind.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

ALWAYS: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsRequest:
    """A request to AWS, whoever carries it.

    Attributes:
        service: ``s3``, ``dynamodb``, ``secretsmanager`` or ``sns``.
        operation: as AWS calls it.
        path: without the query.
        query: its fields, each with its first value.
        headers: with names in small letters.
        body: as it was sent; empty for S3, whose bodies are the videos' bytes.
    """

    service: str
    operation: str
    path: str = "/"
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def identity(self) -> tuple[str, str, str, tuple[str, ...], bytes]:
        """The same for a request and for its repetitions: what is signed anew is left out."""
        reported = tuple(
            f"{name}={value}" for name, value in sorted(self.query.items()) if not name.startswith("X-Amz-")
        )
        return (self.service, self.operation, self.path, reported, self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class OddAnswer:
    """An answer of another kind than the service's own.

    Attributes:
        operation: of which requests.
        status: of the answer; None leaves the service's own answer, but for what ``without`` takes out of it.
        headers: of the answer.
        body: of the answer.
        acted: whether the service has done what was asked.
        is_lost: whether the connection ends instead of an answer.
        is_early: whether the answer comes before the body is read, and the connection ends with it.
        without: header fields and fields of the body that are taken out of the service's own answer.
        times: how many requests get it.
        skip: how many come first that do not.
        holding: of those requests only that have this text in their body or path.
        first_upload_only: of those only that concern the multipart upload of the first of them.
    """

    operation: str
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    acted: bool = False
    is_lost: bool = False
    is_early: bool = False
    without: tuple[str, ...] = ()
    times: int = 1
    skip: int = 0
    holding: str = ""
    first_upload_only: bool = False

    @classmethod
    def of(cls, reported: Mapping[str, Any]) -> OddAnswer:
        """Read one as the cases write it."""
        fields = dict(reported)
        fields["body"] = fields.get("body", "").encode()
        fields["without"] = tuple(fields.get("without", ()))
        if fields.get("times") == "always":
            fields["times"] = ALWAYS
        return cls(**fields)


class OddAnswers:
    """Says of each request, once, which odd answer it gets.

    Args:
        answers: the first that fits and is not used up is given.
        loses: of which requests the answer is lost the first time that they come, whatever ``answers`` holds.
    """

    def __init__(self, answers: Iterable[OddAnswer] = (), *, loses: Callable[[AwsRequest], bool] | None = None) -> None:
        self._answers = list(answers)
        self._loses = loses
        self._seen = [0] * len(self._answers)
        self._uploads: dict[int, str] = {}
        self._lost: set[object] = set()
        self._lock = threading.Lock()

    @property
    def lost(self) -> set[object]:
        """The identities of the requests whose answer was lost because of ``loses``."""
        return self._lost

    def unused(self) -> list[OddAnswer]:
        """Return those that no request has got."""
        return [odd for odd, seen in zip(self._answers, self._seen, strict=True) if seen <= odd.skip]

    def take(self, request: AwsRequest) -> OddAnswer | None:
        """Return what a request gets; None for the service's own answer."""
        with self._lock:
            if self._loses is not None and request.identity not in self._lost and self._loses(request):
                self._lost.add(request.identity)
                return OddAnswer(operation=request.operation, acted=True, is_lost=True)
            for index, odd in enumerate(self._answers):
                if self._fits(index, odd, request):
                    self._seen[index] += 1
                    if odd.skip < self._seen[index] <= odd.skip + odd.times:
                        return odd
        return None

    def _fits(self, index: int, odd: OddAnswer, request: AwsRequest) -> bool:
        if odd.operation != request.operation:
            return False
        if odd.holding and odd.holding.encode() not in request.body and odd.holding not in request.path:
            return False
        if odd.first_upload_only:
            upload = request.query.get("uploadId", "")
            return self._uploads.setdefault(index, upload) == upload
        return True


def s3_request(method: str, target: str, headers: Mapping[str, str]) -> AwsRequest:
    """Return what is asked of S3, the bucket being named in the path."""
    parts = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    has_key = parts.path.strip("/").count("/") > 0
    return AwsRequest(
        service="s3",
        operation=_s3_operation(method, query, has_key=has_key),
        path=unquote(parts.path),
        query=query,
        headers=headers,
    )


def _s3_operation(method: str, query: Mapping[str, str], *, has_key: bool) -> str:
    if not has_key:
        return "ListMultipartUploads" if "uploads" in query else f"{method} of a bucket"
    if "uploadId" in query:
        return {
            "PUT": "UploadPart",
            "POST": "CompleteMultipartUpload",
            "GET": "ListParts",
            "DELETE": "AbortMultipartUpload",
        }[method]
    if "uploads" in query:
        return "CreateMultipartUpload"
    return {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject"}.get(method, f"{method} of an object")
