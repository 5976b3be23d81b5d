from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import httpx
import pytest

from gopro_sync import errors
from gopro_sync.errors import (
    ConfigurationError,
    GoProApiChangedError,
    InvalidEventError,
    ItemRefusedError,
    ItemUnreadableError,
    MediaGoneError,
    NetworkError,
    RetryableError,
    SessionRefusedError,
    ThrottledError,
)
from gopro_sync.gopro.client import GoProClient
from gopro_sync.gopro.http import open_http_client
from gopro_sync.gopro.library.download import choose_originals
from gopro_sync.gopro.library.listing import ListingGap
from gopro_sync.gopro.library.media import LISTING_FIELDS, MalformedRow, MediaItem
from gopro_sync.gopro.session.session import Session
from tests.support.gopro_api import ACCEPTED_TOKEN, FakeGoProApi, Reply, descriptor, variation
from tests.support.gopro_library import FakeLibrary

API = "https://api.gopro.com"
NOW = datetime(2026, 5, 1, 2, 0, tzinfo=UTC)
LIVE = Session(auth_token=ACCEPTED_TOKEN, user_id="a-user")
DEAD = Session(auth_token="fake-token.that.is.dead.x")
GOOD_DESCRIPTOR = descriptor(variation("source"))


class Setting:
    """A client, the fake that it speaks to, and the pauses that it made."""

    def __init__(self, api: FakeGoProApi, session: Session = LIVE, jitter: float = 1.0) -> None:
        self.api = api
        self.pauses: list[float] = []
        self.http = open_http_client(transport=httpx.MockTransport(api))
        self.client = GoProClient(
            self.http, session, base_url=API, sleep=self.pauses.append, jitter=lambda: jitter, now=lambda: NOW
        )


type MakeSetting = Callable[..., Setting]


@pytest.fixture
def setting() -> Iterator[MakeSetting]:
    made: list[Setting] = []

    def make(*out_of_turn: Reply, always: Reply | None = None, session: Session = LIVE, jitter: float = 1.0) -> Setting:
        api = FakeGoProApi(FakeLibrary.of_videos(250), {"a1": GOOD_DESCRIPTOR})
        api.out_of_turn = list(out_of_turn)
        api.always = always
        made.append(Setting(api, session, jitter))
        return made[-1]

    yield make
    for each in made:
        each.http.close()


def status(code: int, **headers: str) -> Reply:
    return lambda _request: httpx.Response(code, headers=headers, json={"error": "fake"})


def silent(_request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("fake")


def breaking_off(_request: httpx.Request) -> httpx.Response:
    raise httpx.ReadError("fake")


# --- one item ---------------------------------------------------------------------------------------------------------


def test_one_item_tells_when_it_was_uploaded(setting: MakeSetting) -> None:
    here = setting(lambda _: httpx.Response(200, json={"id": "a1", "created_at": "2026-05-01T18:02:44Z"}))
    item = here.client.get_media("a1")
    assert isinstance(item, MediaItem)
    assert (item.media_id, item.uploaded_at) == ("a1", datetime(2026, 5, 1, 18, 2, 44, tzinfo=UTC))
    assert here.api.requests[0].url.path == "/media/a1"


def test_one_item_of_another_form_is_no_failure(setting: MakeSetting) -> None:
    here = setting(lambda _: httpx.Response(200, json={"media": []}))
    assert isinstance(here.client.get_media("a1"), MalformedRow)


@pytest.mark.parametrize(("code", "is_gone"), [(200, False), (404, True), (410, True), (401, False), (451, False)])
def test_an_item_is_gone_only_by_gopros_own_word_asked_for_once(
    setting: MakeSetting, code: int, *, is_gone: bool
) -> None:
    here = setting(status(code))
    assert here.client.is_gone("a1") is is_gone
    assert [request.url.path for request in here.api.requests] == ["/media/a1/download"]


@pytest.mark.parametrize("reply", [status(500), status(429), silent, breaking_off])
def test_an_outage_says_nothing_of_an_item_and_is_not_asked_again(setting: MakeSetting, reply: Reply) -> None:
    here = setting(reply)
    with pytest.raises(RetryableError):
        here.client.is_gone("a1")
    assert len(here.api.requests) == 1


# --- what a request carries ------------------------------------------------------------------------------------------


def test_every_request_carries_the_version_the_session_and_a_fixed_identity(setting: MakeSetting) -> None:
    here = setting()
    here.client.list_library()
    here.client.get_download("a1")
    for request in here.api.requests:
        assert request.method == "GET"
        assert request.headers["accept"] == "application/vnd.gopro.jk.media+json; version=2.0.0"
        assert request.headers["authorization"] == f"Bearer {ACCEPTED_TOKEN}"
        assert request.headers["cookie"] == f"gp_access_token={ACCEPTED_TOKEN}; gp_user_id=a-user"
        assert request.headers["origin"] == "https://gopro.com"
        assert request.headers["referer"] == "https://gopro.com/"
        assert request.headers["user-agent"] == "gopro-s3-sync"
        assert request.url.host == "api.gopro.com"


def test_a_session_without_a_user_id_sends_only_the_token_as_a_cookie(setting: MakeSetting) -> None:
    here = setting(session=Session(auth_token=ACCEPTED_TOKEN))
    here.client.check_session()
    assert here.api.requests[0].headers["cookie"] == f"gp_access_token={ACCEPTED_TOKEN}"


def test_cookies_that_gopro_sets_are_not_sent_back(setting: MakeSetting) -> None:
    here = setting(status(503, **{"Set-Cookie": "gp_access_token=fake-other; Domain=gopro.com"}))
    here.client.check_session()
    assert len(here.http.cookies) == 0
    assert "fake-other" not in here.api.requests[1].headers["cookie"]


def test_the_listing_asks_for_the_needed_fields_and_sends_no_filter(setting: MakeSetting) -> None:
    here = setting()
    here.client.list_library()
    assert dict(here.api.requests[0].url.params) == {
        "fields": ",".join(LISTING_FIELDS),
        "order_by": "created_at",
        "page": "1",
        "per_page": "100",
    }


# --- what comes back -------------------------------------------------------------------------------------------------


def test_the_whole_library_is_listed(setting: MakeSetting) -> None:
    here = setting()
    assert len(here.client.list_library(workers=3).items) == 250
    assert len(here.api.requests) == 3


def test_checking_the_session_is_one_request_for_one_row(setting: MakeSetting) -> None:
    here = setting()
    here.client.check_session()
    assert [request.url.params["per_page"] for request in here.api.requests] == ["1"]


def test_a_download_descriptor_leads_to_the_original(setting: MakeSetting) -> None:
    (original,) = choose_originals(setting().client.get_download("a1"), 1).originals
    assert original.url.startswith("https://cdn.example/source/1.mp4")


def test_an_item_that_gopro_no_longer_has_is_gone(setting: MakeSetting) -> None:
    here = setting()
    with pytest.raises(MediaGoneError) as caught:
        here.client.get_download("deleted1")
    assert caught.value.media_id == "deleted1"
    assert here.pauses == []


def test_the_address_of_a_descriptor_is_stable_and_its_id_cannot_lead_elsewhere(setting: MakeSetting) -> None:
    here = setting()
    assert here.client.download_url("a1") == "https://api.gopro.com/media/a1/download"
    assert here.client.download_url("../user?x#y") == "https://api.gopro.com/media/..%2Fuser%3Fx%23y/download"
    with pytest.raises(MediaGoneError):
        here.client.get_download("../user?x#y")
    assert here.api.paths == ["/media/..%2Fuser%3Fx%23y/download"]


@pytest.mark.parametrize("media_id", ["", ".", "..", "a b", "a\r\nb", "a" * 200])
def test_what_cannot_be_an_id_is_never_asked_for(setting: MakeSetting, media_id: str) -> None:
    here = setting()
    with pytest.raises(InvalidEventError):
        here.client.get_download(media_id)
    assert here.api.requests == []


# --- bad answers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [b"", b"not json", b"<html>", b"[" * 100_000, b'{"n": ' + b"9" * 5_000 + b"}", b"\xff\xfe", b"[]", b"null"],
    ids=["empty", "text", "web page", "deep", "huge number", "no text", "list", "null"],
)
def test_a_200_that_is_not_the_known_json_is_an_api_change(setting: MakeSetting, body: bytes) -> None:
    here = setting(always=lambda _request: httpx.Response(200, content=body))
    with pytest.raises(GoProApiChangedError):
        here.client.get_download("a1")
    with pytest.raises(GoProApiChangedError):
        here.client.list_library()
    assert here.pauses == []


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_redirect_is_never_followed(setting: MakeSetting, code: int) -> None:
    here = setting(status(code, Location="https://elsewhere.example/"))
    with pytest.raises(GoProApiChangedError, match=str(code)):
        here.client.check_session()
    assert len(here.api.requests) == 1


@pytest.mark.parametrize("code", [406, 410, 415])
def test_a_retired_version_of_the_api_is_an_api_change_even_for_an_item(setting: MakeSetting, code: int) -> None:
    with pytest.raises(GoProApiChangedError):
        setting(always=status(code)).client.get_download("a1")


# --- one item's answer is one item's trouble -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (401, "does not give this item to the account"),
        (402, "asks for a payment .* subscription"),
        (403, "does not give this item to the account"),
        (422, "cannot process this item"),
        (423, "has locked this item"),
        (451, "for legal reasons"),
        *((code, "does not give this item") for code in (204, 301, 302, 400, 405, 406, 409, 415, 418)),
    ],
)
def test_what_gopro_refuses_for_one_item_alone_is_that_items_trouble(
    setting: MakeSetting, code: int, said: str
) -> None:
    here = setting(status(code))
    with pytest.raises(ItemRefusedError, match=f"{said}.*status {code}") as caught:
        here.client.get_download("a1")
    assert caught.value.media_id == "a1"
    assert len(here.api.requests) == 2, "the item, and one question that any living session is answered"


def test_an_item_that_is_gone_with_another_status_is_gone(setting: MakeSetting) -> None:
    with pytest.raises(MediaGoneError):
        setting(status(410)).client.get_download("a1")


@pytest.mark.parametrize(
    "body", [b"", b"not json", b"<html>", b"[]", b'{"_embedded": []}', b'{"_embedded": {"variations": 5}}']
)
def test_what_cannot_be_read_for_one_item_alone_is_that_items_trouble(setting: MakeSetting, body: bytes) -> None:
    here = setting(lambda _request: httpx.Response(200, content=body))
    with pytest.raises(ItemUnreadableError, match="For this item alone"):
        here.client.get_download("a1")


@pytest.mark.parametrize("otherwise", [status(401), status(500), breaking_off, httpx.Response(200, html="<html>")])
@pytest.mark.parametrize("code", [401, 403])
def test_a_refusal_counts_for_the_session_unless_that_is_proven_alive(
    setting: MakeSetting, code: int, otherwise: Reply
) -> None:
    with pytest.raises(SessionRefusedError):
        setting(status(code), otherwise).client.get_download("a1")


@pytest.mark.parametrize("header", ["9" * 400, "86400"])
def test_no_header_asks_for_more_than_an_hour(setting: MakeSetting, header: str) -> None:
    with pytest.raises(ThrottledError) as caught:
        setting(status(429, **{"Retry-After": header})).client.get_download("a1")
    assert caught.value.retry_after_seconds == 3600


def test_an_endless_body_is_cut_off(setting: MakeSetting) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while True:
            sent += 1024 * 1024
            yield b" " * 1024 * 1024

    here = setting(lambda _request: httpx.Response(200, content=endless()))
    with pytest.raises(GoProApiChangedError, match="8388608 bytes"):
        here.client.check_session()
    assert sent <= 10 * 1024 * 1024


def test_a_compressed_answer_is_measured_unpacked(setting: MakeSetting) -> None:
    good = gzip.compress(json.dumps(GOOD_DESCRIPTOR).encode())
    bomb = gzip.compress(b" " * 9 * 1024 * 1024)
    packed = {"Content-Encoding": "gzip"}
    here = setting(httpx.Response(200, content=good, headers=packed), httpx.Response(200, content=bomb, headers=packed))
    assert len(here.client.get_download("a1").variations) == 1
    with pytest.raises(ItemUnreadableError, match="8388608 bytes"):
        here.client.get_download("a1")


@pytest.mark.parametrize("coding", ["gzip, gzip", "deflate", "br", "gzip, identity", "unknown"])
def test_a_coding_that_was_not_asked_for_is_not_undone(setting: MakeSetting, coding: str) -> None:
    # A bomb inside a bomb: thirty kilobytes that would be nine gigabytes.
    bomb = gzip.compress(gzip.compress(bytes(9 * 1024 * 1024)))
    s = setting(
        always=lambda _: httpx.Response(200, headers={"Content-Encoding": coding}, stream=httpx.ByteStream(bomb))
    )
    with pytest.raises(GoProApiChangedError, match="a coding that was not asked for"):
        s.client.get_download("a1")


def test_no_error_shows_the_token_or_a_signed_url(setting: MakeSetting) -> None:
    leaky = json.dumps(GOOD_DESCRIPTOR)[:-1].encode()
    for reply in (status(401), status(429), breaking_off, lambda _r: httpx.Response(200, content=leaky)):
        here = setting(always=reply)
        with pytest.raises((SessionRefusedError, ThrottledError, NetworkError, GoProApiChangedError)) as caught:
            here.client.get_download("a1")
        chain = f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
        assert ACCEPTED_TOKEN not in chain
        assert "fake-signature" not in chain
        assert caught.value.media_id == "a1"


# --- trying again ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply", [status(408), status(425), status(429), status(502), status(503), status(509), breaking_off]
)
def test_a_passing_failure_is_not_noticed(setting: MakeSetting, reply: Reply) -> None:
    here = setting(reply, reply)
    assert len(here.client.list_library().items) == 250
    assert len(here.pauses) == 2


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (status(429), ThrottledError),
        (status(503), NetworkError),
        (breaking_off, NetworkError),
        (silent, errors.TimeoutError),
    ],
)
def test_a_lasting_failure_is_named_after_five_tries_with_doubling_pauses(
    setting: MakeSetting, reply: Reply, error: type[Exception]
) -> None:
    here = setting(always=reply)
    with pytest.raises(error):
        here.client.check_session()
    assert len(here.api.requests) == 5
    assert here.pauses == [1, 2, 4, 8]


def test_pauses_are_spread_so_that_callers_do_not_come_back_together(setting: MakeSetting) -> None:
    early, late = setting(status(503), jitter=0.0), setting(status(503), jitter=1.0)
    early.client.check_session()
    late.client.check_session()
    assert (early.pauses, late.pauses) == ([0.5], [1.0])


@pytest.mark.parametrize("header", ["12", format_datetime(NOW + timedelta(seconds=12), usegmt=True)])
def test_a_pause_that_gopro_asks_for_is_kept(setting: MakeSetting, header: str) -> None:
    here = setting(status(429, **{"Retry-After": header}))
    here.client.check_session()
    assert here.pauses == [12]


def test_a_short_retry_after_does_not_shorten_the_backoff(setting: MakeSetting) -> None:
    here = setting(*(status(503, **{"Retry-After": "0"}) for _ in range(4)))
    here.client.check_session()
    assert all(later > earlier for earlier, later in pairwise(here.pauses))


def test_a_pause_too_long_for_a_function_is_left_to_the_caller(setting: MakeSetting) -> None:
    here = setting(status(429, **{"Retry-After": "3600"}))
    with pytest.raises(ThrottledError) as caught:
        here.client.check_session()
    assert caught.value.retry_after_seconds == 3600
    assert here.pauses == []


def test_a_block_page_is_tried_again_and_asks_nobody_for_a_credential(setting: MakeSetting) -> None:
    page = httpx.Response(403, html="<html>Request blocked</html>")
    setting(page).client.check_session()
    with pytest.raises(ThrottledError):
        setting(always=lambda _request: httpx.Response(403, html="<html>Request blocked</html>")).client.check_session()


# --- a dead session --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [401, 403])
def test_a_refused_session_is_not_tried_again(setting: MakeSetting, code: int) -> None:
    here = setting(always=status(code))
    with pytest.raises(SessionRefusedError):
        here.client.list_library()
    assert len(here.api.requests) == 1


class RefusingDeepPages(FakeGoProApi):
    """Shows the first hundred rows, and refuses the others."""

    def __init__(self, code: int) -> None:
        super().__init__(FakeLibrary.of_videos(250))
        self.code = code

    def __call__(self, request: httpx.Request) -> httpx.Response:
        answer = super().__call__(request)
        params = request.url.params
        is_deep = request.url.path == "/media/search" and int(params["page"]) * int(params["per_page"]) > 100
        return httpx.Response(self.code, json={"error": "fake"}) if is_deep else answer


@pytest.mark.parametrize("code", [401, 403])
def test_a_page_that_is_refused_to_a_session_that_is_alive_is_no_refusal_of_the_session(code: int) -> None:
    here = Setting(RefusingDeepPages(code))
    listing = here.client.list_library()
    here.http.close()
    assert (len(listing.items), listing.gap) == (100, ListingGap(stated=250, shown=100, refused_from=101))
    assert len(here.api.requests) < 60


def test_a_first_page_that_is_refused_once_is_for_a_new_session(setting: MakeSetting) -> None:
    here = setting(status(401))
    with pytest.raises(SessionRefusedError):
        here.client.list_library()
    assert here.client.list_library().gap is None


def test_a_session_that_ends_amid_the_listing_is_a_refused_session() -> None:
    class Ending(RefusingDeepPages):
        def __call__(self, request: httpx.Request) -> httpx.Response:
            answer = super().__call__(request)
            return answer if len(self.requests) == 1 else httpx.Response(401)

    here = Setting(Ending(401))
    with pytest.raises(SessionRefusedError):
        here.client.list_library()
    here.http.close()


def answering_dead_sessions_with_500(request: httpx.Request) -> httpx.Response:
    # GoPro negotiates the version before it looks at the session.
    return httpx.Response(500 if "vnd.gopro" in request.headers["accept"] else 406)


def test_a_dead_session_that_is_answered_with_500_is_recognised(setting: MakeSetting) -> None:
    here = setting(always=answering_dead_sessions_with_500, session=DEAD)
    with pytest.raises(SessionRefusedError, match="500"):
        here.client.get_download("a1")
    assert here.api.paths == ["/media/a1/download"] * 2 + ["/media/user"] * 2
    assert "authorization" not in here.api.requests[-1].headers
    assert "cookie" not in here.api.requests[-1].headers


def test_a_repeated_500_is_a_dead_session_if_the_account_says_401(setting: MakeSetting) -> None:
    here = setting(status(500), status(500), status(401))
    with pytest.raises(SessionRefusedError):
        here.client.check_session()


def test_a_repeated_500_is_an_outage_if_the_account_can_be_read(setting: MakeSetting) -> None:
    def only_search_is_down(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={}) if request.url.path == "/media/user" else httpx.Response(500)

    here = setting(always=only_search_is_down)
    with pytest.raises(NetworkError, match="500"):
        here.client.check_session()
    assert here.api.paths.count("/media/user") == 1


@pytest.mark.parametrize("reply", [status(500), status(503)])
def test_a_service_that_is_down_altogether_asks_nobody_for_a_credential(setting: MakeSetting, reply: Reply) -> None:
    with pytest.raises(NetworkError):
        setting(always=reply).client.check_session()


def test_a_single_500_is_an_accident(setting: MakeSetting) -> None:
    here = setting(status(500))
    here.client.check_session()
    assert "/media/user" not in here.api.paths


# --- where the API is ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base_url", "address"),
    [
        ("https://api.gopro.com/", "https://api.gopro.com/media/a1/download"),
        ("https://mirror.example:8443/gopro", "https://mirror.example:8443/gopro/media/a1/download"),
        ("http://127.0.0.1:4001", "http://127.0.0.1:4001/media/a1/download"),
        ("http://localhost:4001", "http://localhost:4001/media/a1/download"),
        ("http://[::1]:4001", "http://[::1]:4001/media/a1/download"),
    ],
)
def test_another_address_of_the_api_is_taken(setting: MakeSetting, base_url: str, address: str) -> None:
    assert GoProClient(setting().http, LIVE, base_url=base_url).download_url("a1") == address


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "api.gopro.com",
        "http://api.gopro.com",
        "http://127.0.0.1.example",
        "http://169.254.169.254",
        "ftp://127.0.0.1",
        "https://",
        "https://me:fake-password@api.gopro.com",  # pragma: allowlist secret - made up
        "https://api.gopro.com?x=1",
        "https://api.gopro.com#x",
        "https://api.gopro.com:port",
    ],
)
def test_an_address_that_would_expose_the_session_is_refused(setting: MakeSetting, base_url: str) -> None:
    with pytest.raises(ConfigurationError, match="base URL") as caught:
        GoProClient(setting().http, LIVE, base_url=base_url)
    assert "fake-password" not in f"{caught.value} {caught.value.__cause__}"


def test_no_proxy_variable_of_the_environment_reroutes_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    with open_http_client() as http:
        assert http._mounts == {}
