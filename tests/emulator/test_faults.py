"""Misbehaviour on request: what a client sees, and what was carried out behind its back."""

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


def waiting(http: httpx.Client) -> int:
    return len(http.get("/posts/scheduled").json()["scheduled_posts"])


@pytest.mark.parametrize(("fault", "posts"), [("drop-before", 0), ("drop-after", 1)])
def test_a_dropped_connection_says_nothing_before_or_after_the_commit(
    http: httpx.Client, fault: str, posts: int
) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        schedule(http, fault)
    assert waiting(http) == posts


def test_garbage_and_a_truncated_answer_hide_what_was_done(http: httpx.Client) -> None:
    with pytest.raises(ValueError, match=r"Expecting|decode"):
        schedule(http, "garbage").json()
    assert waiting(http) == 1
    with pytest.raises(httpx.RemoteProtocolError):
        http.get("/pages", headers={"X-Emulator-Fault": "truncate"})


def test_a_status_and_a_429_come_without_carrying_out(http: httpx.Client) -> None:
    assert schedule(http, "status:503").status_code == 503
    limited = schedule(http, "rate-limit:7")
    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "7")
    assert waiting(http) == 0


def test_a_delay_passes_time_and_skew_moves_the_date(
    http: httpx.Client, emulator_clock: ManualClock
) -> None:
    http.get("/me", headers={"X-Emulator-Fault": "delay:2.5"})
    assert emulator_clock.sleeps == [2.5]
    skewed = http.get("/me", headers={"X-Emulator-Fault": "skew:-3600"})
    assert skewed.headers["Date"] == "Mon, 23 Nov 2026 11:00:02 GMT"


def test_a_fault_meets_every_nth_of_what_it_matches_and_ends(
    http: httpx.Client, steer: EmulatorHandle
) -> None:
    choices = {"method": "GET", "path": "/pa*", "every": 2, "times": 2}
    made = steer.request("fault", add="status:500", choices=choices)
    assert [http.get("/pages").status_code for _ in range(6)] == [200, 500, 200, 500, 200, 200]
    assert http.get("/me").status_code == 200
    (listed,) = steer.request("fault")["faults"]
    assert (listed["struck"], listed["number"]) == (2, made["number"])
    assert steer.request("fault", clear=None) == {"ended": 1}
    assert steer.request("fault")["faults"] == []


def test_chance_is_the_same_at_each_run() -> None:
    def struck(seed: int) -> list[bool]:
        faults = Faults()
        faults.add("drop-after", probability=0.3, seed=seed)
        return [faults.pick("GET", "/", None) is not None for _ in range(50)]

    assert struck(1) == struck(1) != struck(2)
    assert 5 < sum(struck(1)) < 25


def test_the_first_fault_that_strikes_leaves_the_others_their_times(
    http: httpx.Client, steer: EmulatorHandle
) -> None:
    for status in (500, 503):
        steer.request("fault", add=f"status:{status}", choices={"path": "/pages", "times": 1})
    assert [http.get("/pages").status_code for _ in range(3)] == [500, 503, 200]


@pytest.mark.parametrize(
    "text",
    ["", "boom", "delay", "delay:9999", "status:200", "skew:x", "rate-limit:-5", "rate-limit:1.5"],
)
def test_a_fault_that_can_not_be_meant_is_refused(
    text: str, http: httpx.Client, steer: EmulatorHandle
) -> None:
    with pytest.raises(InvalidInputError):
        parse_fault(text)
    with pytest.raises(InvalidInputError):
        steer.request("fault", add=text)
    refused = http.get("/me", headers={"X-Emulator-Fault": text})
    assert (refused.status_code, refused.json()["code"]) == (400, "INVALID_FAULT")
    assert json.loads(refused.text)["error"]


@pytest.mark.parametrize(
    "text", ["skew:0", "skew:-123456789.125", "delay:0", "garbage", "rate-limit:0"]
)
def test_a_fault_is_shown_as_it_can_be_asked_for(text: str) -> None:
    assert str(parse_fault(text)) == text
