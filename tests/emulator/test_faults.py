"""Fault injection: the response to the client, and whether the request was processed."""

import json

import httpx
import pytest

from outreply_cli.emulator.client import EmulatorHandle
from outreply_cli.emulator.faults import Faults, parse_fault
from outreply_cli.errors import InvalidInputError
from tests.clocks import ManualClock


def schedule(http: httpx.Client, fault: str | None = None) -> httpx.Response:
    page = http.get("/pages").json()["pages"][0]["id"]
    body = {"page_id": page, "message": "x", "scheduled_at": "2026-11-24T12:00:00Z"}
    headers = {"X-Emulator-Fault": fault} if fault else {}
    return http.post("/posts/schedule", json=body, headers=headers)


def count_scheduled(http: httpx.Client) -> int:
    return len(http.get("/posts/scheduled").json()["scheduled_posts"])


@pytest.mark.parametrize(("fault", "posts"), [("drop-before", 0), ("drop-after", 1)])
def test_drop_keeps_the_post_only_after_commit(http: httpx.Client, fault: str, posts: int) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        schedule(http, fault)
    assert count_scheduled(http) == posts


def test_garbage_and_truncate_make_the_response_unreadable(http: httpx.Client) -> None:
    with pytest.raises(ValueError, match=r"Expecting|decode"):
        schedule(http, "garbage").json()
    assert count_scheduled(http) == 1
    with pytest.raises(httpx.RemoteProtocolError):
        http.get("/pages", headers={"X-Emulator-Fault": "truncate"})


def test_status_and_rate_limit_faults_create_no_post(http: httpx.Client) -> None:
    assert schedule(http, "status:503").status_code == 503
    limited = schedule(http, "rate-limit:7")
    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "7")
    assert count_scheduled(http) == 0


def test_delay_waits_and_skew_changes_the_date(
    http: httpx.Client, emulator_clock: ManualClock
) -> None:
    http.get("/me", headers={"X-Emulator-Fault": "delay:2.5"})
    assert emulator_clock.sleeps == [2.5]
    skewed = http.get("/me", headers={"X-Emulator-Fault": "skew:-3600"})
    assert skewed.headers["Date"] == "Mon, 23 Nov 2026 11:00:02 GMT"


def test_fault_options_select_the_requests_that_it_hits(
    http: httpx.Client, handle: EmulatorHandle
) -> None:
    options = {"method": "GET", "path": "/pa*", "every": 2, "times": 2}
    added = handle.request("fault", add="status:500", options=options)
    assert [http.get("/pages").status_code for _ in range(6)] == [200, 500, 200, 500, 200, 200]
    assert http.get("/me").status_code == 200
    (listed,) = handle.request("fault")["faults"]
    assert (listed["hits"], listed["number"]) == (2, added["number"])
    assert handle.request("fault", clear=None) == {"removed": 1}
    assert handle.request("fault")["faults"] == []


@pytest.mark.parametrize("path", ["/pages", "/api/v1/pages", "/api/v1/pa*", "/api/v1/*"])
def test_path_of_a_fault_may_include_the_api_prefix(
    http: httpx.Client, handle: EmulatorHandle, path: str
) -> None:
    handle.request("fault", add="status:500", options={"path": path})
    assert http.get("/pages").status_code == 500


def test_probability_is_reproducible() -> None:
    def hits(seed: int) -> list[bool]:
        faults = Faults()
        faults.add("drop-after", {"probability": 0.3, "seed": seed})
        return [faults.pick("GET", "/", None) is not None for _ in range(50)]

    assert hits(1) == hits(1) != hits(2)
    assert 5 < sum(hits(1)) < 25


def test_only_first_matching_fault_is_hit(http: httpx.Client, handle: EmulatorHandle) -> None:
    for status in (500, 503):
        handle.request("fault", add=f"status:{status}", options={"path": "/pages", "times": 1})
    assert [http.get("/pages").status_code for _ in range(3)] == [500, 503, 200]


@pytest.mark.parametrize(
    "text",
    ["", "boom", "delay", "delay:9999", "status:200", "skew:x", "rate-limit:-5", "rate-limit:1.5"],
)
def test_invalid_fault_is_rejected(text: str, http: httpx.Client, handle: EmulatorHandle) -> None:
    with pytest.raises(InvalidInputError):
        parse_fault(text)
    with pytest.raises(InvalidInputError):
        handle.request("fault", add=text)
    response = http.get("/me", headers={"X-Emulator-Fault": text})
    assert (response.status_code, response.json()["code"]) == (400, "INVALID_FAULT")
    assert json.loads(response.text)["error"]


@pytest.mark.parametrize(
    "text", ["skew:0", "skew:-123456789.125", "delay:0", "garbage", "rate-limit:0"]
)
def test_fault_text_roundtrip(text: str) -> None:
    assert str(parse_fault(text)) == text
