"""The client of the simulator's switches, for tests and the demo; works with a simulator in any process."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal
from urllib.parse import quote, urlencode

from local.simulator.faults import Endpoint, Fault, FaultName
from local.simulator.json_shape import to_json
from local.simulator.library import Library, SimulatedItem
from local.simulator.recording import RecordedRequest

_TIMEOUT_SECONDS = 300.0  # the SHA-256 of a 20 GB source takes a while


class Expirable(StrEnum):
    """What the simulated GoPro gives, and can make worthless."""

    URLS = "urls"
    ACCESS_TOKENS = "access_tokens"
    REFRESH_TOKENS = "refresh_tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The true properties of a camera original, computed from its own bytes."""

    media_id: str
    item_number: int
    filename: str | None
    size_bytes: int
    sha256: str


class SimulatorAdmin:
    """Set faults, settings and library of a running simulator, and read the requests that it received.

    Args:
        api_url: the address of the simulated API.

    Raises:
        ValueError: (each method) the simulator does not accept its input; the message says why.
        OSError: (each method) the simulator cannot be reached.
    """

    def __init__(self, api_url: str) -> None:
        self._base_url = f"{api_url.rstrip('/')}/_simulator/"
        # Plain HTTP and nothing else: the user's proxy has no business with a loopback address.
        self._opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.HTTPHandler(),
            urllib.request.HTTPErrorProcessor(),
            urllib.request.HTTPDefaultErrorHandler(),
        ):
            self._opener.add_handler(handler)

    def set_faults(self, *faults: Fault) -> None:
        """Switch these faults on and all others off."""
        self._call("PUT", "faults", {"faults": [to_json(fault) for fault in faults]})

    def add_faults(self, *faults: Fault) -> None:
        """Switch these faults on beside those that are on; one that is on already starts anew."""
        self._call("POST", "faults", {"faults": [to_json(fault) for fault in faults]})

    def remove_faults(self, name: FaultName) -> None:
        """Switch all faults of that name off."""
        self._call("DELETE", f"faults/{name}")

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults that are switched on, each with its ``hits``."""
        return list(self._call("GET", "faults")["faults"])

    def set_settings(self, **changes: object) -> None:
        """Change the named settings (see `local.simulator.settings.Settings`)."""
        self._call("PUT", "settings", changes)

    def settings(self) -> dict[str, Any]:
        """Return all settings."""
        return dict(self._call("GET", "settings"))

    def put_library(self, library: Library | Mapping[str, object]) -> None:
        """Replace the whole library."""
        self._call("PUT", "library", library.to_json() if isinstance(library, Library) else library)

    def library(self) -> dict[str, Any]:
        """Return the library as a library file states it."""
        return dict(self._call("GET", "library"))

    def add_item(self, item: SimulatedItem) -> None:
        """Add one item, as if it had been uploaded."""
        self._call("POST", "library/items", to_json(item))

    def delete_item(self, media_id: str) -> None:
        """Remove one item, as if it had been deleted on gopro.com. Raise ValueError if there is none."""
        self._call("DELETE", f"library/items/{quote(media_id, safe='')}")

    def requests(self, endpoint: Endpoint | str | None = None) -> list[RecordedRequest]:
        """Return the requests since the last `clear_requests`, in order; those to one endpoint, if it is given."""
        records = [RecordedRequest.from_json(record) for record in self._call("GET", "requests")["requests"]]
        return [record for record in records if endpoint in {None, record.endpoint}]

    def clear_requests(self) -> None:
        """Forget the requests so far."""
        self._call("DELETE", "requests")

    def mutations(self) -> list[RecordedRequest]:
        """Return the attempts to change anything at GoPro. All were refused; there must be none."""
        return self.requests(Endpoint.MUTATION)

    def header_leaks(self) -> list[RecordedRequest]:
        """Return the CDN requests that carried Authorization or Cookie. All were refused; there must be none."""
        return [record for record in self.requests(Endpoint.CDN) if record.had_authorization or record.had_cookie]

    def sources(self) -> list[Source]:
        """Return all camera originals of the items that were stated one by one (not of a series)."""
        return [Source(**source) for source in self._call("GET", "sources")["sources"]]

    def source(self, media_id: str, item_number: int = 1) -> Source:
        """Return one camera original. Raise ValueError if there is none."""
        query = urlencode({"media_id": media_id, "item_number": item_number})
        found = self._call("GET", f"sources?{query}")["sources"]
        if not found:
            raise ValueError(f"there is no original {item_number} of {media_id}")
        return Source(**found[0])

    def advance_clock(self, seconds: float) -> None:
        """Let signed URLs and tokens age at once."""
        self._call("POST", "clock", {"advance_seconds": seconds})

    def expire(self, what: Expirable | Literal["urls", "access_tokens", "refresh_tokens"]) -> None:
        """Invalidate all that were issued so far."""
        self._call("POST", "expire", {"what": what})

    def sign_in(self, *, renews_itself: bool = False) -> dict[str, str]:
        """Sign in anew, and return the JSON object to put into the secret.

        Args:
            renews_itself: whether with the refresh token and the client that a renewal needs; without them, it is what
                a browser's session gives.
        """
        return dict(self._call("POST", "sign-in", {"renews_itself": renews_itself}))

    def _call(self, method: str, name: str, document: object = None) -> Any:
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(self._base_url + name, data=body, method=method)  # noqa: S310 - a loopback address
        try:
            with self._opener.open(request, timeout=_TIMEOUT_SECONDS) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                raise ValueError(f"{method} {name}: {error.read().decode()}") from error
