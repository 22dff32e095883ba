"""Saved plans: applying one resumes, is idempotent, and works on another machine."""

import shutil
from pathlib import Path

import pytest

from tests.command_line import CommandLine, Result
from tests.reliability.machines import (
    World,
    assert_clean,
    assert_harmless,
    edit_texts,
    get_statuses,
    get_summary,
    make_rows_on_pages,
    schedule,
)
from tests.reliability.proxy import (
    Exchange,
    Request,
    lose_response,
    lose_responses_and_lists,
    outage,
    refuse,
)

ROWS = make_rows_on_pages(6)


@pytest.fixture
def plan(world: World, machine: CommandLine) -> Path:
    """A saved plan that creates six posts."""
    return save_plan(world, machine, world.calendar(ROWS))


def save_plan(world: World, machine: CommandLine, calendar: Path, *options: str) -> Path:
    path = world.directory / "launch.plan"
    saved = machine.run("bulk", "plan", str(calendar), "-o", str(path), *options)
    assert saved.code == 0, saved.err
    return path


def apply(machine: CommandLine, plan: Path, *options: str) -> Result:
    ran = machine.run("bulk", "apply", str(plan), "--json", *options)
    assert_harmless(ran)
    assert "None" not in ran.err
    return ran


def test_apply_twice_changes_nothing(world: World, machine: CommandLine, plan: Path) -> None:
    first = apply(machine, plan)
    assert (first.code, get_summary(first)) == (0, {"created": 6})
    world.assert_each_once(ROWS)
    written = len(world.proxy.writes())
    again = apply(machine, plan)
    assert again.code == 0, again.err
    assert get_summary(again) == {"unchanged": 6}
    assert len(world.proxy.writes()) == written
    world.assert_each_once(ROWS)


@pytest.mark.usefixtures("guardrails")
@pytest.mark.parametrize("number", [1, 3, 6])
def test_apply_after_outage_resumes(
    world: World, machine: CommandLine, plan: Path, number: int
) -> None:
    world.proxy.on("POST", "/posts/schedule", outage, numbers=[number])
    interrupted = apply(machine, plan, "--concurrency", "1")
    assert interrupted.code != 0
    world.proxy.recover()
    ran = apply(machine, plan)
    assert ran.code == 0, ran.err
    world.assert_each_once(ROWS)
    assert apply(machine, plan).code == 0
    assert_clean(schedule(machine, world.directory / "calendar.csv"))
    world.assert_each_once(ROWS)


@pytest.mark.usefixtures("guardrails")
def test_apply_after_lost_responses_and_other_token_resumes(
    world: World, machine: CommandLine, plan: Path
) -> None:
    lose_responses_and_lists(world.proxy, "/posts/schedule")
    assert apply(machine, plan).code != 0
    world.proxy.recover()
    machine.environ["OUTREPLY_API_KEY"] = world.new_token()
    ran = apply(machine, plan)
    world.assert_each_once(ROWS)
    assert ran.code == 0, ran.err


def test_apply_after_refusal_of_one_row_resumes(
    world: World, machine: CommandLine, plan: Path
) -> None:
    guardrail = {"error": "Too many", "code": "PAGE_PUBLISH_GUARDRAIL", "retry_after_seconds": 60}
    world.proxy.on("POST", "/posts/schedule", refuse(429, guardrail), numbers=[1])
    ran = apply(machine, plan, "--concurrency", "1")
    assert ran.code == 3, ran.err
    assert get_statuses(ran) == {"failed": 1, "done": 5}
    again = apply(machine, plan)
    assert again.code == 0, again.err
    world.assert_each_once(ROWS)


def test_apply_of_edits_resumes(world: World, machine: CommandLine) -> None:
    calendar = world.calendar(ROWS)
    assert schedule(machine, calendar).code == 0
    new_rows = [*edit_texts(ROWS[:3]), *ROWS[3:5]]
    world.calendar(new_rows)
    plan = save_plan(world, machine, calendar, "--prune")
    world.proxy.on("POST", "/posts/schedule", outage, numbers=[2])
    assert apply(machine, plan, "--concurrency", "1").code != 0
    world.proxy.recover()
    ran = apply(machine, plan)
    assert ran.code == 0, ran.err
    world.assert_each_once(new_rows)
    assert apply(machine, plan).code == 0
    world.assert_each_once(new_rows)


def test_apply_after_lost_response_to_cancellation_resumes(
    world: World, machine: CommandLine
) -> None:
    calendar = world.calendar(ROWS)
    assert schedule(machine, calendar).code == 0
    world.calendar(ROWS[:5])
    plan = save_plan(world, machine, calendar, "--prune")
    world.proxy.on("DELETE", "*", lose_response())
    apply(machine, plan)
    world.proxy.recover()
    ran = apply(machine, plan)
    assert ran.code == 0, ran.err
    world.assert_each_once(ROWS[:5])


def test_apply_of_edited_file_is_rejected(world: World, machine: CommandLine, plan: Path) -> None:
    world.calendar(edit_texts(ROWS))
    assert apply(machine, plan).code == 2
    assert not world.live()


def test_apply_after_edit_of_applied_file_is_rejected(
    world: World, machine: CommandLine, plan: Path
) -> None:
    assert apply(machine, plan).code == 0
    calendar = world.calendar(edit_texts(ROWS))
    assert schedule(machine, calendar).code == 0
    assert apply(machine, plan).code == 2
    world.assert_each_once(edit_texts(ROWS))


@pytest.mark.usefixtures("guardrails")
@pytest.mark.parametrize("other_token", [False, True], ids=["same token", "other token"])
def test_plan_applied_again_on_another_machine_changes_nothing(
    world: World, machine: CommandLine, plan: Path, *, other_token: bool
) -> None:
    laptop = world.machine("laptop", token=world.new_token() if other_token else None)
    first = apply(laptop, plan)
    assert (first.code, get_summary(first)) == (0, {"created": 6})
    world.assert_each_once(ROWS)
    again = apply(machine, plan)
    world.assert_each_once(ROWS)
    assert again.code == 0, again.err
    assert apply(laptop, plan).code == 0
    world.assert_each_once(ROWS)


@pytest.mark.usefixtures("guardrails")
def test_plan_is_finished_on_another_machine(
    world: World, machine: CommandLine, plan: Path
) -> None:
    world.proxy.on("POST", "/posts/schedule", outage, numbers=[3])
    assert apply(machine, plan, "--concurrency", "1").code != 0
    world.proxy.recover()
    laptop = world.machine("laptop")
    ran = apply(laptop, plan)
    world.assert_each_once(ROWS)
    assert ran.code == 0, ran.err
    assert apply(machine, plan).code == 0
    world.assert_each_once(ROWS)


@pytest.mark.usefixtures("guardrails")
def test_plan_applied_concurrently_makes_each_post_once(
    world: World, machine: CommandLine, plan: Path
) -> None:
    laptop = world.machine("laptop")
    results: list[Result] = []

    def act(request: Request, exchange: Exchange) -> None:
        del request, exchange
        results.append(apply(laptop, plan))

    world.proxy.on("POST", "/posts/schedule", act, numbers=[1])
    results.append(apply(machine, plan, "--concurrency", "1"))
    world.assert_each_once(ROWS)
    assert [ran.code for ran in results] == [0, 0], [ran.err for ran in results]


def test_plan_moved_with_its_file_is_applied(
    world: World, machine: CommandLine, plan: Path
) -> None:
    """A checkout on another machine has another path."""
    checkout = world.directory / "checkout"
    checkout.mkdir()
    for path in (plan, world.directory / "calendar.csv"):
        shutil.move(path, checkout / path.name)
    ran = apply(world.machine("runner"), checkout / plan.name)
    assert ran.code == 0, ran.err
    world.assert_each_once(ROWS)
