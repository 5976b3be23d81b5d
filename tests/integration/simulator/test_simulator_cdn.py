"""The simulated CDN serves ranges as the real one, and misbehaves as told."""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from local.simulator import Endpoint, Fault, FaultName, Library, SimulatedItem, Simulator, SourceFile
from tests.integration.simulator.conftest import ACCEPT

SIZE = 3_000_000
RANGE = {"Range": "bytes=1000-1999"}


def source(api: httpx.Client, media_id: str = "single", item_number: int | None = None) -> dict[str, Any]:
    variations = api.get(f"/media/{media_id}/download").json()["_embedded"]["variations"]
    return next(
        variation
        for variation in variations
        if variation["label"] == "source" and variation.get("item_number") == item_number
    )


def read_into(received: bytearray, answer: httpx.Response) -> None:
    for block in answer.iter_raw():
        received += block


@pytest.fixture
def url(api: httpx.Client) -> str:
    return str(source(api)["url"])


@pytest.fixture
def whole(cdn: httpx.Client, url: str) -> bytes:
    return cdn.get(url).content


def test_the_whole_file_is_what_the_simulator_says_it_is(simulator: Simulator, cdn: httpx.Client, url: str) -> None:
    answer = cdn.get(url)
    truth = simulator.admin.source("single")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "binary/octet-stream"
    assert (len(answer.content), hashlib.sha256(answer.content).hexdigest()) == (truth.size_bytes, truth.sha256)


def test_the_cdn_is_another_host_than_the_api(simulator: Simulator, url: str) -> None:
    assert urlsplit(url).netloc == urlsplit(simulator.cdn_url).netloc != urlsplit(simulator.api_url).netloc


def test_each_chapter_is_its_own_file_under_its_own_name(
    simulator: Simulator, api: httpx.Client, cdn: httpx.Client
) -> None:
    for number in (1, 2, 3):
        answer = cdn.get(source(api, "chaptered", number)["url"])
        truth = simulator.admin.source("chaptered", number)
        assert hashlib.sha256(answer.content).hexdigest() == truth.sha256
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{truth.filename}"'
    assert [truth.filename for truth in simulator.admin.sources() if truth.media_id == "chaptered"] == [
        "GX010456.MP4",
        "GX020456.MP4",
        "GX030456.MP4",
    ]


def test_a_range_is_a_206(cdn: httpx.Client, url: str, whole: bytes) -> None:
    answer = cdn.get(url, headers=RANGE)
    assert (answer.status_code, answer.headers["Content-Range"]) == (206, f"bytes 1000-1999/{SIZE}")
    assert answer.content == whole[1000:2000]


def test_a_range_past_the_end_is_a_416_that_tells_the_size(cdn: httpx.Client, url: str) -> None:
    answer = cdn.get(url, headers={"Range": f"bytes={SIZE}-"})
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{SIZE}")


def test_head_works_only_on_the_head_url(api: httpx.Client, cdn: httpx.Client) -> None:
    links = source(api)
    answer = cdn.head(links["head"])
    assert (answer.status_code, answer.headers["Content-Length"]) == (200, str(SIZE))
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert cdn.head(links["url"]).status_code == 403
    assert cdn.get(links["head"]).status_code == 403


def test_the_etag_is_that_of_an_s3_multipart_upload(cdn: httpx.Client, url: str, whole: bytes) -> None:
    part = 1024 * 1024
    digests = b"".join(hashlib.md5(whole[start : start + part]).digest() for start in range(0, SIZE, part))
    assert cdn.get(url, headers=RANGE).headers["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-3"'


def test_eight_readers_at_once_get_the_whole_file(url: str, whole: bytes) -> None:
    step = SIZE // 8

    def read(number: int) -> bytes:
        headers = {"Range": f"bytes={number * step}-{(number + 1) * step - 1}"}
        return httpx.get(url, headers=headers, trust_env=False, verify=False).content

    with ThreadPoolExecutor(8) as pool:
        assert b"".join(pool.map(read, range(8))) == whole


def test_a_huge_file_answers_at_once_with_an_opaque_etag(
    simulator: Simulator, api: httpx.Client, cdn: httpx.Client
) -> None:
    huge = SourceFile(size_bytes=200_000_000_000, seed="huge", etag_part_size_bytes=None)
    simulator.admin.put_library(Library([SimulatedItem(media_id="huge", chapters=(huge,))]))
    started = time.monotonic()
    answer = cdn.get(source(api, "huge")["url"], headers={"Range": "bytes=199999999990-"})
    assert (len(answer.content), answer.headers["ETag"][:8]) == (10, '"opaque-')
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("how", ["clock", "revoked", "tampered"])
def test_an_expired_or_tampered_url_is_403(simulator: Simulator, cdn: httpx.Client, url: str, how: str) -> None:
    if how == "clock":
        simulator.admin.advance_clock(3601)
    elif how == "revoked":
        simulator.admin.expire("urls")
    else:
        url = url.replace("Expires=", "Expires=9")
    assert cdn.get(url).status_code == 403


def test_the_lifetime_of_urls_can_be_set(simulator: Simulator, api: httpx.Client, cdn: httpx.Client) -> None:
    simulator.admin.set_settings(url_lifetime_seconds=10)
    fresh = source(api)["url"]
    assert cdn.get(fresh, headers=RANGE).status_code == 206
    simulator.admin.advance_clock(11)
    assert cdn.get(fresh, headers=RANGE).status_code == 403
    assert cdn.get(source(api)["url"], headers=RANGE).status_code == 206


@pytest.mark.parametrize("header", ["Authorization", "Cookie"])
def test_credentials_are_refused_and_remembered(simulator: Simulator, cdn: httpx.Client, url: str, header: str) -> None:
    assert cdn.get(url, headers={header: "fake-secret"}).status_code == 400
    (leak,) = simulator.admin.header_leaks()
    assert (leak.status, leak.had_authorization, leak.had_cookie) == (
        400,
        header == "Authorization",
        header == "Cookie",
    )


def test_requests_are_recorded_without_the_signature(simulator: Simulator, cdn: httpx.Client, url: str) -> None:
    cdn.get(url, headers=RANGE)
    (record,) = simulator.admin.requests("cdn")
    assert (record.media_id, record.item_number, record.label) == ("single", 1, "source")
    assert (record.status, record.range, record.bytes_sent) == (206, RANGE["Range"], 1000)
    assert "Signature" not in repr(record)


# --- trouble ---------------------------------------------------------------------------------------------------------


def test_range_ignored(simulator: Simulator, cdn: httpx.Client, url: str) -> None:
    simulator.admin.set_faults(Fault(FaultName.RANGE_IGNORED))
    answer = cdn.get(url, headers=RANGE)
    assert (answer.status_code, len(answer.content)) == (200, SIZE)


@pytest.mark.parametrize(("size", "expected"), [(None, 500), (0, 0), (10, 10)])
def test_short_body(simulator: Simulator, cdn: httpx.Client, url: str, size: int | None, expected: int) -> None:
    simulator.admin.set_faults(Fault(FaultName.SHORT_BODY, size_bytes=size))
    received = bytearray()
    with cdn.stream("GET", url, headers=RANGE) as answer:
        assert answer.headers["Content-Length"] == "1000"
        with pytest.raises(httpx.RemoteProtocolError):
            read_into(received, answer)
    assert len(received) == expected
    assert simulator.admin.requests("cdn")[0].bytes_sent == expected


def test_empty_body_under_the_right_headers(simulator: Simulator, cdn: httpx.Client, url: str) -> None:
    simulator.admin.set_faults(Fault(FaultName.EMPTY_BODY))
    answer = cdn.get(url, headers=RANGE)
    assert (answer.status_code, answer.content) == (206, b"")
    assert answer.headers["Content-Range"] == f"bytes 1000-1999/{SIZE}"


@pytest.mark.parametrize(("status", "expected"), [(None, 206), (200, 200)])
def test_html_page(simulator: Simulator, cdn: httpx.Client, url: str, status: int | None, expected: int) -> None:
    simulator.admin.set_faults(Fault(FaultName.HTML_PAGE, endpoint=Endpoint.CDN, status=status))
    answer = cdn.get(url, headers=RANGE)
    assert (answer.status_code, answer.headers["Content-Type"]) == (expected, "text/html")
    assert b"<html>" in answer.content


def test_etag_and_total_change(simulator: Simulator, cdn: httpx.Client, url: str) -> None:
    etag = cdn.get(url, headers=RANGE).headers["ETag"]
    simulator.admin.set_faults(Fault(FaultName.ETAG_CHANGED), Fault(FaultName.TOTAL_CHANGED, size_bytes=5))
    answer = cdn.get(url, headers=RANGE)
    assert answer.headers["ETag"] != etag
    assert len(answer.headers["ETag"]) == len(etag)
    assert answer.headers["Content-Range"] == f"bytes 1000-1999/{SIZE + 5}"


def test_wrong_range(simulator: Simulator, cdn: httpx.Client, url: str, whole: bytes) -> None:
    simulator.admin.set_faults(Fault(FaultName.WRONG_RANGE))
    answer = cdn.get(url, headers=RANGE)
    assert answer.headers["Content-Range"] == f"bytes 1001-2000/{SIZE}"
    assert answer.content == whole[1001:2001]


def test_longer_body(simulator: Simulator, cdn: httpx.Client, url: str, whole: bytes) -> None:
    simulator.admin.set_faults(Fault(FaultName.LONGER_BODY, size_bytes=3))
    answer = cdn.get(url, headers=RANGE)
    assert answer.headers["Content-Range"] == f"bytes 1000-1999/{SIZE}"
    assert answer.content == whole[1000:2000] + bytes(3)


def test_odd_headers_in_place_of_the_true_ones(simulator: Simulator, cdn: httpx.Client, url: str) -> None:
    simulator.admin.set_faults(Fault(FaultName.ODD_HEADERS, headers={"Content-Type": "text/html", "X-Odd": "1"}))
    answer = cdn.get(url, headers=RANGE)
    assert (answer.headers["Content-Type"], answer.headers["X-Odd"], len(answer.content)) == ("text/html", "1", 1000)


def test_a_fault_that_spares_the_probe(simulator: Simulator, cdn: httpx.Client, url: str) -> None:
    simulator.admin.set_faults(Fault(FaultName.SERVER_ERROR, spares_probe=True, count=1))
    statuses = [cdn.get(url, headers={"Range": asked}).status_code for asked in ("bytes=0-0", "bytes=0-1", "bytes=0-1")]
    assert statuses == [206, 500, 206]


def test_corrupt_body(simulator: Simulator, cdn: httpx.Client, url: str, whole: bytes) -> None:
    simulator.admin.set_faults(Fault(FaultName.CORRUPT_BODY))
    content = cdn.get(url, headers=RANGE).content
    assert content != whole[1000:2000]
    assert content[1:] == whole[1001:2000]


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault(FaultName.EXPIRED), 403),
        (Fault(FaultName.THROTTLED, retry_after="2"), 429),
        (Fault(FaultName.SERVER_ERROR, status=503), 503),
        (Fault(FaultName.NOT_FOUND), 404),
        (Fault(FaultName.BLOCK_PAGE), 403),
        (Fault(FaultName.REDIRECT), 302),
    ],
)
def test_other_answers(simulator: Simulator, cdn: httpx.Client, url: str, fault: Fault, status: int) -> None:
    simulator.admin.set_faults(fault)
    answer = cdn.get(url, headers=RANGE)
    assert answer.status_code == status
    assert answer.headers.get("Retry-After") == fault.retry_after


def test_a_deleted_item_is_gone_from_the_cdn_too(simulator: Simulator, cdn: httpx.Client, url: str) -> None:
    simulator.admin.delete_item("single")
    assert cdn.get(url).status_code == 404


def test_connection_reset(simulator: Simulator, cdn: httpx.Client, url: str) -> None:
    simulator.admin.set_faults(Fault(FaultName.CONNECTION_RESET, count=1))
    with pytest.raises(httpx.TransportError):
        cdn.get(url, headers=RANGE)
    assert cdn.get(url, headers=RANGE).status_code == 206


def test_connection_reset_in_the_middle_of_the_body(simulator: Simulator, cdn: httpx.Client, url: str) -> None:
    simulator.admin.set_faults(Fault(FaultName.CONNECTION_RESET, size_bytes=100))
    with cdn.stream("GET", url, headers=RANGE) as answer, pytest.raises(httpx.ReadError):
        answer.read()
    assert simulator.admin.requests("cdn")[0].bytes_sent == 100


def test_stall_in_the_middle_of_the_body(simulator: Simulator, cdn: httpx.Client, url: str) -> None:
    simulator.admin.set_faults(Fault(FaultName.STALL, size_bytes=100))
    received = bytearray()
    # Longer than a busy machine takes for the first bytes.
    with cdn.stream("GET", url, headers=RANGE, timeout=1.0) as answer, pytest.raises(httpx.ReadTimeout):
        read_into(received, answer)
    assert len(received) == 100


def test_slow_mode_and_bandwidth_cap(simulator: Simulator, cdn: httpx.Client, url: str) -> None:
    def seconds() -> float:
        started = time.monotonic()
        assert len(cdn.get(url, headers={"Range": "bytes=0-99999"}).content) == 100_000
        return time.monotonic() - started

    assert min(seconds() for _ in range(5)) < 0.2  # once, a busy machine may take longer
    simulator.admin.set_faults(Fault(FaultName.SLOW, size_bytes=400_000))
    assert 0.2 < seconds() < 2
    simulator.admin.set_faults()
    simulator.admin.set_settings(cdn_bytes_per_second=400_000)
    assert 0.2 < seconds() < 2


def test_latency(simulator: Simulator, cdn: httpx.Client, url: str) -> None:
    simulator.admin.set_settings(cdn_latency_seconds=0.2)
    started = time.monotonic()
    cdn.get(url, headers=RANGE)
    assert time.monotonic() - started >= 0.2


def test_a_fault_of_one_chapter_leaves_the_others_alone(
    simulator: Simulator, api: httpx.Client, cdn: httpx.Client
) -> None:
    simulator.admin.set_faults(Fault(FaultName.SERVER_ERROR, media_id="chaptered", item_number=2))
    statuses = [cdn.get(source(api, "chaptered", number)["url"]).status_code for number in (1, 2, 3)]
    assert statuses == [200, 500, 200]


def test_a_real_file_that_is_taken_away_is_missing_at_the_cdn_and_the_library_is_listed_all_the_same(
    tmp_path: Path,
) -> None:
    file = tmp_path / "clip.mp4"
    file.write_bytes(b"x" * 1000)
    library = Library([SimulatedItem(media_id="clip", chapters=(SourceFile(path=file),))])
    with Simulator(library) as simulator:
        headers = {"Accept": ACCEPT, "Authorization": f"Bearer {simulator.credential['auth_token']}"}
        with httpx.Client(base_url=simulator.api_url, headers=headers, trust_env=False) as api:
            address = str(source(api, "clip")["url"])
            file.unlink()
            listed = api.get("/media/search")
        assert httpx.get(address, trust_env=False).status_code == 404
    assert [row["id"] for row in listed.json()["_embedded"]["media"]] == ["clip"]
