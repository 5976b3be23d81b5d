"""The simulator's switches, as HTTP under ``/_simulator/`` on the API port; `local.simulator.admin` is the client."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from urllib.parse import unquote

from local.simulator.cloud import SimulatedCloud
from local.simulator.download_descriptor import chapter_filename
from local.simulator.faults import Fault, FaultName
from local.simulator.http_messages import Answer, Request, json_answer
from local.simulator.json_shape import from_json
from local.simulator.library import Library, SimulatedItem
from local.simulator.settings import Settings

ADMIN_PREFIX = "/_simulator/"
_ITEMS_PREFIX = "library/items/"


class AdminEndpoint:
    """Read and change the state of the simulator; its own requests are not recorded.

    Args:
        cloud: the state.
    """

    def __init__(self, cloud: SimulatedCloud) -> None:
        self._cloud = cloud
        self._routes: dict[tuple[str, str], Callable[[Request], object]] = {
            ("GET", "health"): lambda _: {"status": "ok"},
            ("GET", "faults"): lambda _: {"faults": cloud.faults.to_json()},
            ("PUT", "faults"): self._put_faults,
            ("POST", "faults"): self._add_faults,
            **{("DELETE", f"faults/{name}"): partial(self._remove_faults, name) for name in FaultName},
            ("GET", "settings"): lambda _: asdict(cloud.settings),
            ("PUT", "settings"): self._put_settings,
            ("GET", "library"): lambda _: cloud.library.to_json(),
            ("PUT", "library"): self._put_library,
            ("POST", "library/items"): self._add_item,
            ("GET", "requests"): lambda _: {"requests": [record.to_json() for record in cloud.requests.all()]},
            ("DELETE", "requests"): lambda _: cloud.requests.clear(),
            ("GET", "sources"): self._sources,
            ("POST", "clock"): self._advance_clock,
            ("POST", "expire"): self._expire,
            ("POST", "sign-in"): self._sign_in,
        }

    def __call__(self, request: Request) -> Answer:
        """Return the answer; 400 with what is wrong with the request."""
        name = request.path.removeprefix(ADMIN_PREFIX)
        if request.method == "DELETE" and name.startswith(_ITEMS_PREFIX):
            is_deleted = self._cloud.library.delete(unquote(name.removeprefix(_ITEMS_PREFIX)))
            return json_answer(200 if is_deleted else 404, {"deleted": is_deleted})
        route = self._routes.get((request.method, name))
        if route is None:
            return json_answer(404, {"error": f"no {request.method} {ADMIN_PREFIX}{name}"})
        try:
            return json_answer(200, route(request))
        except ValueError as error:
            return json_answer(400, {"error": str(error)})

    def _put_faults(self, request: Request) -> object:
        self._cloud.faults.replace(from_json(_FaultsDocument, json.loads(request.body), "body").faults)
        return {"faults": self._cloud.faults.to_json()}

    def _add_faults(self, request: Request) -> object:
        self._cloud.faults.add(from_json(_FaultsDocument, json.loads(request.body), "body").faults)
        return {"faults": self._cloud.faults.to_json()}

    def _remove_faults(self, name: FaultName, _request: Request) -> object:
        self._cloud.faults.remove(name)
        return {"faults": self._cloud.faults.to_json()}

    def _put_settings(self, request: Request) -> object:
        changes = json.loads(request.body)
        settings = from_json(Settings, changes, "settings")
        self._cloud.settings = replace(self._cloud.settings, **{name: getattr(settings, name) for name in changes})
        return asdict(self._cloud.settings)

    def _put_library(self, request: Request) -> object:
        self._cloud.library = Library.from_json(json.loads(request.body))
        return {}

    def _add_item(self, request: Request) -> object:
        self._cloud.library.add(from_json(SimulatedItem, json.loads(request.body), "item"))
        return {}

    def _sources(self, request: Request) -> object:
        library = self._cloud.library
        if "media_id" not in request.query:
            return {"sources": [source for item in library.stated_items() for source in self._sources_of(item)]}
        item = library.get(request.query["media_id"])
        number = request.query.get("item_number")
        sources = self._sources_of(item) if item else []
        return {"sources": [source for source in sources if number in {None, str(source["item_number"])}]}

    def _sources_of(self, item: SimulatedItem) -> list[dict[str, object]]:
        return [
            {
                "media_id": item.media_id,
                "item_number": number,
                "filename": item.filename and chapter_filename(item.filename, number),
                "size_bytes": chapter.open().size_bytes,
                "sha256": self._cloud.sha256(chapter),
            }
            for number, chapter in enumerate(item.chapters, start=1)
        ]

    def _advance_clock(self, request: Request) -> object:
        self._cloud.clock.advance(from_json(_ClockDocument, json.loads(request.body), "body").advance_seconds)
        return {"now": self._cloud.clock.now()}

    def _expire(self, request: Request) -> object:
        expirations = {
            "urls": self._cloud.signer.revoke_all,
            "access_tokens": self._cloud.tokens.expire_access_tokens,
            "refresh_tokens": self._cloud.tokens.expire_refresh_tokens,
        }
        what = from_json(_ExpireDocument, json.loads(request.body), "body").what
        if what not in expirations:
            raise ValueError(f"what must be one of {', '.join(expirations)}")
        expirations[what]()
        return {}

    def _sign_in(self, request: Request) -> object:
        settings, tokens = self._cloud.settings, self._cloud.tokens
        access_token, refresh_token = tokens.sign_in(lifetime_seconds=settings.token_lifetime_seconds)
        session = {"auth_token": access_token, "user_id": settings.user_id}
        if not from_json(_SignInDocument, json.loads(request.body), "body").renews_itself:
            return session
        return {**session, "refresh_token": refresh_token, **tokens.client}


@dataclass(frozen=True, slots=True, kw_only=True)
class _FaultsDocument:
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _ClockDocument:
    advance_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _ExpireDocument:
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _SignInDocument:
    renews_itself: bool = False
