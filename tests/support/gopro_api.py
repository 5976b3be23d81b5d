"""The GoPro API behind an `httpx.MockTransport`: a library, download descriptors, and answers out of turn."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from tests.support.gopro_library import FakeLibrary

type Reply = httpx.Response | Callable[[httpx.Request], httpx.Response]

ACCEPTED_TOKEN = "fake-token.of.five.parts.x"


class FakeGoProApi:
    """Answers requests; use it as the handler of an `httpx.MockTransport`.

    Attributes:
        requests: what was asked, in order.
        out_of_turn: answers that are given first, whatever is asked; each is used once.
        always: if set, the answer to everything.

    Args:
        library: what the search serves.
        descriptors: download descriptors by media id.
    """

    def __init__(self, library: FakeLibrary | None = None, descriptors: Mapping[str, object] | None = None) -> None:
        self.requests: list[httpx.Request] = []
        self.out_of_turn: list[Reply] = []
        self.always: Reply | None = None
        self._library = library or FakeLibrary([])
        self._descriptors = dict(descriptors or {})
        self._lock = threading.Lock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.requests.append(request)
            reply = self.out_of_turn.pop(0) if self.out_of_turn else self.always
        if reply is None:
            return self._answer(request)
        return reply if isinstance(reply, httpx.Response) else reply(request)

    @property
    def paths(self) -> list[str]:
        """The paths that were asked for, as they went over the wire."""
        return [request.url.raw_path.decode().partition("?")[0] for request in self.requests]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if not request.headers["accept"].startswith("application/vnd.gopro.jk.media+json"):
            return httpx.Response(406)
        if request.headers.get("authorization") != f"Bearer {ACCEPTED_TOKEN}":
            return httpx.Response(401, json={"error": "invalid_request"})
        if request.url.path == "/media/user":
            return httpx.Response(200, json={"id": "an-account"})
        if request.url.path == "/media/search":
            params = request.url.params
            return httpx.Response(200, json=self._library.payload(int(params["page"]), int(params["per_page"])))
        return self._descriptor(request.url.path)

    def _descriptor(self, path: str) -> httpx.Response:
        media_id = path.removeprefix("/media/").removesuffix("/download")
        if media_id not in self._descriptors:
            return httpx.Response(404, json={"error": "not_found"})
        return httpx.Response(200, json=self._descriptors[media_id])


def variation(label: str, *, item_number: int | None = None, **fields: object) -> dict[str, Any]:
    """A variation of a download descriptor, with plainly fake signed URLs."""
    url = f"https://cdn.example/{label}/{item_number or 1}.mp4?Signature=fake-signature"
    numbered = {} if item_number is None else {"item_number": item_number, "camera_position": "default"}
    return {"label": label, "type": "mp4", "url": url, "head": f"{url}-head", "available": True, **numbered, **fields}


def descriptor(*variations: object) -> dict[str, Any]:
    """A download descriptor; as with every video, its ``files`` hold a proxy."""
    proxy = {"url": "https://cdn.example/proxy.mp4?Signature=fake-signature", "item_number": 1, "available": True}
    return {
        "filename": "GX010456.MP4",
        "_embedded": {"files": [proxy], "variations": list(variations), "sidecar_files": [], "sprites": []},
    }
