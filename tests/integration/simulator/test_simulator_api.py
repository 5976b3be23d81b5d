"""The simulated API answers as the real one was observed to, over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from gopro_sync.gopro.client import GoProClient
from gopro_sync.gopro.http import open_http_client
from gopro_sync.gopro.library.listing import LibraryListing
from gopro_sync.gopro.library.media import classify
from gopro_sync.gopro.session.session import Session
from local.simulator import Endpoint, Fault, FaultName, ItemSeries, Library, RefreshTokenMode, SimulatedItem, Simulator

ACCEPT = {"Accept": "application/vnd.gopro.jk.media+json; version=2.0.0"}


def rows(answer: httpx.Response) -> list[dict[str, Any]]:
    return list(answer.json()["_embedded"]["media"])


def ids(answer: httpx.Response) -> list[str]:
    return [row["id"] for row in rows(answer)]


def listed(simulator: Simulator) -> LibraryListing:
    """The library, as the system's own client reads it."""
    session = Session(auth_token=simulator.credential["auth_token"])
    with open_http_client() as http:
        client = GoProClient(http, session, base_url=simulator.api_url, sleep=lambda _seconds: None)
        return client.list_library()


def put_series(simulator: Simulator, count: int) -> None:
    simulator.admin.put_library(Library(series=ItemSeries(count=count)))


# --- before anything else: content negotiation, then the token -------------------------------------------------------


@pytest.mark.parametrize("path", ["/media/search", "/media/single", "/media/single/download", "/media/user"])
@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("*/*", 406),
        ("application/json", 406),
        ("application/vnd.gopro.jk.media+json; version=1.0.0", 410),
        ("application/vnd.gopro.jk.media+json", 410),
        ("application/vnd.gopro.jk.media+json;version=2.0.0", 200),
        ("application/vnd.gopro.jk.media.search+json; version=2.0.0", 200),
    ],
)
def test_accept_decides_first(simulator: Simulator, api: httpx.Client, path: str, accept: str, status: int) -> None:
    assert api.get(path, headers={"Accept": accept}).status_code == status
    if status != 200:
        without_token = httpx.get(simulator.api_url + path, headers={"Accept": accept}, trust_env=False, verify=False)
        assert (without_token.status_code, without_token.content) == (status, b"")


def test_bearer_and_cookie_both_open_the_library(simulator: Simulator) -> None:
    token = simulator.credential["auth_token"]
    url = f"{simulator.api_url}/media/user"
    for proof in ({"Authorization": f"Bearer {token}"}, {"Cookie": f"gp_access_token={token}; gp_user_id=u"}):
        assert httpx.get(url, headers=ACCEPT | proof, trust_env=False, verify=False).status_code == 200


@pytest.mark.parametrize("proof", [{}, {"Authorization": "Bearer wrong"}, {"Cookie": "gp_access_token=wrong"}])
@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_dead_token_is_answered_as_set(simulator: Simulator, proof: dict[str, str], status: int) -> None:
    simulator.admin.set_settings(dead_token_status=status)
    answer = httpx.get(f"{simulator.api_url}/media/search", headers=ACCEPT | proof, trust_env=False, verify=False)
    assert (answer.status_code, answer.json()["error"]) == (status, "invalid_request")


def test_a_token_dies_with_time_or_at_once(simulator: Simulator, api: httpx.Client) -> None:
    simulator.admin.expire("access_tokens")
    assert api.get("/media/user").status_code == 401


def test_a_dead_token_fault_passes(simulator: Simulator, api: httpx.Client) -> None:
    simulator.admin.set_faults(Fault(FaultName.DEAD_TOKEN, count=2, status=500))
    assert [api.get("/media/user").status_code for _ in range(3)] == [500, 500, 200]


# --- tokens ----------------------------------------------------------------------------------------------------------


def password_form(simulator: Simulator) -> dict[str, str]:
    names = ("client_id", "client_secret", "username", "password", "scope")
    return {"grant_type": "password", **{name: simulator.account[name] for name in names}}


@pytest.mark.parametrize("as_json", [False, True])
def test_the_password_grant_takes_a_form_and_json(simulator: Simulator, *, as_json: bool) -> None:
    url = f"{simulator.api_url}/v1/oauth2/token"
    form = password_form(simulator)
    answer = (
        httpx.post(url, json=form, trust_env=False, verify=False)
        if as_json
        else httpx.post(url, data=form, trust_env=False, verify=False)
    )
    reply = answer.json()
    assert answer.status_code == 200
    assert {"access_token", "refresh_token", "expires_in", "scope", "token_type", "resource_owner_id"} == set(reply)
    bearer = {"Authorization": f"Bearer {reply['access_token']}"}
    assert (
        httpx.get(f"{simulator.api_url}/media/user", headers=ACCEPT | bearer, trust_env=False, verify=False).status_code
        == 200
    )


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff\xfe"])
def test_a_token_request_that_is_no_object_is_refused(simulator: Simulator, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = httpx.post(
        f"{simulator.api_url}/v1/oauth2/token", content=body, headers=headers, trust_env=False, verify=False
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("name", [FaultName.TOKEN_BLACKLISTED, FaultName.INVALID_GRANT, FaultName.INVALID_CLIENT])
def test_the_token_endpoint_can_refuse(simulator: Simulator, name: FaultName) -> None:
    simulator.admin.set_faults(Fault(name, count=1))
    url = f"{simulator.api_url}/v1/oauth2/token"
    answers = [httpx.post(url, data=password_form(simulator), trust_env=False, verify=False) for _ in range(2)]
    assert answers[0].json()["error"] == name.value
    assert answers[1].status_code == 200


def test_a_refresh_can_rotate_and_then_lose_its_reply(simulator: Simulator) -> None:
    simulator.admin.set_settings(refresh_token_mode=RefreshTokenMode.ROTATE_AND_KILL)
    simulator.admin.set_faults(Fault(FaultName.REPLY_LOST, count=1))
    account = simulator.account
    form = {name: account[name] for name in ("client_id", "client_secret", "refresh_token")}
    form["grant_type"] = "refresh_token"
    url = f"{simulator.api_url}/v1/oauth2/token"
    with pytest.raises(httpx.TransportError):
        httpx.post(url, data=form, trust_env=False, verify=False)
    assert httpx.post(url, data=form, trust_env=False, verify=False).json()["error"] == "invalid_grant"


# --- search ----------------------------------------------------------------------------------------------------------


def test_pages_count_from_one_and_add_up(simulator: Simulator, api: httpx.Client) -> None:
    put_series(simulator, 250)
    pages = [api.get("/media/search", params={"per_page": 100, "page": page}) for page in (1, 2, 3, 4)]
    assert [len(rows(page)) for page in pages] == [100, 100, 50, 0]
    assert len({media_id for page in pages for media_id in ids(page)}) == 250
    assert pages[1].json()["_pages"] == {"current_page": 2, "per_page": 100, "total_items": 250, "total_pages": 3}
    assert ids(pages[0])[0] == "series000249", "newest first"
    assert api.get("/media/search", params={"page": 0}).status_code == 400


def test_the_default_page_has_30_rows_and_the_largest_200(simulator: Simulator, api: httpx.Client) -> None:
    put_series(simulator, 250)
    assert len(rows(api.get("/media/search"))) == 30
    largest = api.get("/media/search", params={"per_page": 1000})
    assert (len(rows(largest)), largest.json()["_pages"]["per_page"]) == (200, 200)


def test_only_the_asked_fields_come_back(api: httpx.Client) -> None:
    answer = api.get("/media/search", params={"fields": "id,filename,nonsense"})
    assert {frozenset(row) for row in rows(answer)} == {frozenset({"id", "filename"})}


def test_a_full_record_has_the_types_that_were_observed(api: httpx.Client) -> None:
    row = rows(api.get("/media/search"))[0]
    assert (row["id"], row["item_count"], row["file_size"]) == ("chaptered", 3, 300_003)
    assert row["source_duration"] == "83375"
    assert row["ready_to_view"] == "ready"
    assert api.get("/media/chaptered").json() == row


def test_a_malformed_range_is_a_500(api: httpx.Client) -> None:
    assert api.get("/media/search", params={"created_range": "nonsense"}).status_code == 500


def test_odd_values_of_an_item_arrive_as_stated(simulator: Simulator, api: httpx.Client) -> None:
    overrides: dict[str, object] = {"item_count": 0, "file_size": "123", "width": None, "created_at": "garbage"}
    simulator.admin.put_library(Library([SimulatedItem(media_id="odd", filename="", row_overrides=overrides)]))
    (row,) = rows(api.get("/media/search"))
    assert {name: row[name] for name in overrides} == overrides
    assert row["filename"] == ""


def test_a_short_page_keeps_its_totals_and_spares_small_pages(simulator: Simulator, api: httpx.Client) -> None:
    put_series(simulator, 212)
    simulator.admin.set_faults(Fault(FaultName.SHORT_PAGE))
    short = api.get("/media/search", params={"per_page": 100})
    assert (len(rows(short)), short.json()["_pages"]["total_items"]) == (12, 212)
    assert len(rows(api.get("/media/search", params={"per_page": 50}))) == 50


def test_pages_can_overlap_and_still_have_the_right_lengths(simulator: Simulator, api: httpx.Client) -> None:
    put_series(simulator, 250)
    simulator.admin.set_faults(Fault(FaultName.OVERLAPPING_PAGES, rows=7))
    pages = [ids(api.get("/media/search", params={"per_page": 100, "page": page})) for page in (1, 2, 3)]
    assert [len(page) for page in pages] == [100, 100, 50]
    assert len(set(pages[0]) & set(pages[1])) == 7
    assert len({media_id for page in pages for media_id in page}) == 243


@pytest.mark.parametrize(
    ("count", "fault", "gap"),
    [
        (150, Fault(FaultName.OVERLAPPING_PAGES, rows=7), None),
        (250, Fault(FaultName.OVERLAPPING_PAGES, rows=7), None),
        (250, Fault(FaultName.SHIFTING_PAGES), None),
        (250, Fault(FaultName.SHIFTING_PAGES, rows=3), None),
        (250, Fault(FaultName.TIES_SHUFFLED), None),
        (7, Fault(FaultName.GHOSTS_COUNTED), "GoPro counts 8, showed 7"),
        (250, Fault(FaultName.GHOSTS_COUNTED, rows=20), "GoPro counts 270, showed 250"),
        (7, Fault(FaultName.ITEM_LISTED_TWICE), "GoPro counts 8, showed 7"),
        (250, Fault(FaultName.ITEM_LISTED_TWICE), "GoPro counts 251, showed 250"),
        (350, Fault(FaultName.DEEP_PAGES_REFUSED, rows=200), None),
        (350, Fault(FaultName.DEEP_PAGES_REFUSED, rows=200, status=400), None),
        (350, Fault(FaultName.SERVER_ERROR, endpoint=Endpoint.SEARCH, page=2, per_page_above=50), None),
        (0, Fault(FaultName.EMPTY_WITHOUT_LIST), None),
        (7, Fault(FaultName.TOTAL_TOO_SMALL), None),
        (250, Fault(FaultName.TOTAL_TOO_SMALL, rows=60), None),
        (250, Fault(FaultName.TOTAL_ABSENT), None),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else None,
)
def test_a_listing_with_a_defect_is_read_whole_or_says_what_it_lacks(
    simulator: Simulator, count: int, fault: Fault, gap: str | None
) -> None:
    put_series(simulator, count)
    simulator.admin.set_faults(fault)
    listing = listed(simulator)
    assert len(listing.items) == count
    assert (None if listing.gap is None else str(listing.gap)) == gap


@pytest.mark.parametrize("odd", [None, '"text"', '{"id": null}', '{"id": "#gopro-account"}'])
def test_a_row_can_be_anything_and_costs_no_other_item(simulator: Simulator, odd: str | None) -> None:
    put_series(simulator, 250)
    simulator.admin.set_faults(Fault(FaultName.ODD_ROW, text=odd))
    listing = listed(simulator)
    assert (len(listing.items), len(listing.malformed)) == (250, 1)


def test_photos_of_one_second_that_change_places_hide_no_video(simulator: Simulator) -> None:
    simulator.admin.put_library(
        Library(
            SimulatedItem(
                media_id=f"item{number:03}",
                type="Video" if number % 7 == 0 and number < 140 else "Photo",
                filename=f"GX01{number:04}.MP4" if number % 7 == 0 and number < 140 else f"GOPR{number:04}.JPG",
                created_at="2026-05-01T00:00:00Z",
            )
            for number in range(150)
        )
    )
    simulator.admin.set_faults(Fault(FaultName.TIES_SHUFFLED))
    videos = [item for item in listed(simulator).items if classify(item) is None]
    assert len(videos) == 20


def test_an_item_can_be_inserted_while_listing(simulator: Simulator, api: httpx.Client) -> None:
    put_series(simulator, 100)
    simulator.admin.set_faults(Fault(FaultName.ITEM_INSERTED, skip=1, count=1))
    first, second = (api.get("/media/search", params={"per_page": 50, "page": page}) for page in (1, 2))
    assert len(set(ids(first)) & set(ids(second))) == 1, "the page border moved"
    assert [page.json()["_pages"]["total_items"] for page in (first, second)] == [100, 101]
    assert ids(api.get("/media/search"))[0].startswith("inserted")


def test_an_item_can_vanish_while_listing(simulator: Simulator, api: httpx.Client) -> None:
    put_series(simulator, 100)
    simulator.admin.set_faults(Fault(FaultName.ITEM_DELETED, skip=1, count=1))
    first, second = (api.get("/media/search", params={"per_page": 50, "page": page}) for page in (1, 2))
    assert len(set(ids(first)) | set(ids(second))) == 99, "one row was skipped"
    assert second.json()["_pages"]["total_items"] == 99


def test_sizes_numbers_and_nulls_can_be_off(simulator: Simulator, api: httpx.Client) -> None:
    simulator.admin.set_faults(Fault(FaultName.WRONG_SIZE, count=1))
    assert rows(api.get("/media/search"))[0]["file_size"] == 300_003 + 3072
    simulator.admin.set_faults(Fault(FaultName.NUMBERS_AS_STRINGS, count=1))
    assert rows(api.get("/media/search"))[0]["file_size"] == "300003"
    simulator.admin.set_faults(Fault(FaultName.NULLS_ABSENT, count=1))
    assert "content_title" not in rows(api.get("/media/search"))[0]
    simulator.admin.set_faults(Fault(FaultName.OVERSIZED_BODY, count=1, size_bytes=1_000_000))
    assert len(api.get("/media/search").content) > 1_000_000


# --- one item --------------------------------------------------------------------------------------------------------


def test_a_deleted_item_is_404_everywhere(simulator: Simulator, api: httpx.Client) -> None:
    simulator.admin.delete_item("single")
    assert api.get("/media/single").status_code == 404
    assert api.get("/media/single/download").status_code == 404
    assert ids(api.get("/media/search")) == ["chaptered"]


def test_a_fault_of_one_item_leaves_the_others_alone(simulator: Simulator, api: httpx.Client) -> None:
    simulator.admin.set_faults(Fault(FaultName.FEWER_SOURCES, media_id="chaptered"))

    def sources(media_id: str) -> int:
        variations = api.get(f"/media/{media_id}/download").json()["_embedded"]["variations"]
        return [variation["label"] for variation in variations].count("source")

    assert (sources("chaptered"), sources("single")) == (2, 1)


def test_an_id_with_odd_characters_is_found(simulator: Simulator, api: httpx.Client) -> None:
    simulator.admin.add_item(SimulatedItem(media_id="a/b c"))
    assert api.get("/media/a%2Fb%20c").json()["id"] == "a/b c"


def test_the_zip_endpoint_answers_with_nothing(simulator: Simulator) -> None:
    query = {"ids": "single", "access_token": simulator.credential["auth_token"]}
    answer = httpx.get(f"{simulator.api_url}/media/x/zip/source", params=query, trust_env=False, verify=False)
    assert (answer.status_code, answer.content) == (200, b"")


# --- trouble ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "status", "content_type"),
    [
        (Fault(FaultName.THROTTLED, retry_after="7"), 429, "application/json"),
        (Fault(FaultName.THROTTLED), 429, "application/json"),
        (Fault(FaultName.SERVER_ERROR), 500, "application/json"),
        (Fault(FaultName.SERVER_ERROR, status=503, retry_after="1"), 503, "application/json"),
        (Fault(FaultName.BLOCK_PAGE), 403, "text/html"),
        (Fault(FaultName.NOT_FOUND), 404, "application/json"),
        (Fault(FaultName.HTML_PAGE), 200, "text/html"),
        (Fault(FaultName.EMPTY_BODY), 200, "application/json"),
    ],
)
def test_whole_answers_can_be_replaced(
    simulator: Simulator, api: httpx.Client, fault: Fault, status: int, content_type: str
) -> None:
    simulator.admin.set_faults(fault)
    answer = api.get("/media/search")
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, content_type)
    assert answer.headers.get("Retry-After") == fault.retry_after


def test_a_redirect_leads_where_it_is_reported(simulator: Simulator, api: httpx.Client) -> None:
    simulator.admin.set_faults(Fault(FaultName.REDIRECT, location="http://169.254.169.254/"))
    answer = api.get("/media/search")
    assert (answer.status_code, answer.headers["Location"]) == (302, "http://169.254.169.254/")


def test_any_body_at_all_can_be_answered(simulator: Simulator, api: httpx.Client) -> None:
    simulator.admin.set_faults(Fault(FaultName.ODD_BODY, text='{"_pages": []}'))
    assert api.get("/media/search").text == '{"_pages": []}'


def test_the_connection_can_be_reset_or_stall(simulator: Simulator, api: httpx.Client) -> None:
    simulator.admin.set_faults(Fault(FaultName.CONNECTION_RESET, count=1))
    with pytest.raises(httpx.TransportError):
        api.get("/media/search")
    simulator.admin.set_faults(Fault(FaultName.STALL, count=1))
    with pytest.raises(httpx.ReadTimeout):
        api.get("/media/search", timeout=0.2)
    assert api.get("/media/search").status_code == 200


# --- what the simulator remembers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/media/single"),
        ("DELETE", "/media?ids=single"),
        ("POST", "/media/restore"),
        ("PUT", "/media/single/process"),
        ("PATCH", "/collections"),
    ],
)
def test_nothing_can_be_changed_and_every_attempt_is_remembered(
    simulator: Simulator, api: httpx.Client, method: str, path: str
) -> None:
    assert api.request(method, path, json={}).status_code == 403
    (attempt,) = simulator.admin.mutations()
    assert (attempt.method, attempt.path) == (method, path.partition("?")[0])
    assert api.get("/media/single").status_code == 200


def test_requests_are_recorded_without_any_secret(simulator: Simulator, api: httpx.Client) -> None:
    simulator.admin.set_faults(Fault(FaultName.THROTTLED, count=1))
    api.get("/media/search", params={"page": 2, "access_token": "fake-secret-query"})
    api.get("/media/single/download", headers={"Cookie": "gp_access_token=fake-secret-cookie"})
    first, second = simulator.admin.requests()
    assert (first.endpoint, first.status, first.faults, first.query["page"]) == ("search", 429, ["throttled"], "2")
    assert (second.endpoint, second.media_id, second.status, second.faults) == ("download", "single", 200, [])
    assert (second.had_authorization, second.had_cookie) == (True, True)
    everything = repr([first, second])
    assert "secret" not in everything
    assert simulator.credential["auth_token"] not in everything
    simulator.admin.clear_requests()
    assert simulator.admin.requests() == []
