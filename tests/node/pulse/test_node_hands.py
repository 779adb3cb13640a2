"""What the engine asks for, done with resources by their kinds; and what an earlier pulse left."""

import asyncio
from pathlib import Path

import pytest
from tests.conformance.store.subjects import in_a_loop
from tests.node.pulse.bench import CLOCK, LATER, TOKEN, Bench, bench_at, many_turns, until, working

from tandem.cluster.coordinator import COORDINATOR
from tandem.cluster.exclusive.events import (
    Entitled,
    Fence,
    FencingFailed,
    Start,
    Started,
    StartFailed,
    Stop,
    StopFailed,
    Stopped,
)
from tandem.cluster.exclusive.timing import PATIENT
from tandem.cluster.order import Mode
from tandem.cluster.plan.resource import Resource as Definition


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return bench_at(tmp_path, monkeypatch)


@in_a_loop
@working
async def test_it_starts_prolongs_and_stops_what_is_defined(bench: Bench) -> None:
    assert await bench.hands.start(Start("db", 1, TOKEN)) == Started("db", 1)
    assert bench.machine.runs == {"db": TOKEN}
    bench.hands.entitle(LATER)
    assert bench.machine.until_us == {"db": LATER.until_us}
    assert await bench.hands.stop(Stop("db", 1, None)) == Stopped("db", 1)
    assert bench.machine.runs == {}


@in_a_loop
@working
async def test_it_starts_what_it_may_soon_not_run_once_it_may_again(bench: Bench) -> None:
    soon = CLOCK.boot_us() + PATIENT.guarantee_us // 2
    bench.hands.entitle(Entitled(soon, soon))
    starting = asyncio.create_task(bench.hands.start(Start("db", 1, TOKEN)))
    await many_turns()
    assert not bench.machine.runs
    assert not starting.done()
    bench.hands.entitle(LATER)
    async with asyncio.timeout(20):
        assert await starting == Started("db", 1)


@in_a_loop
@working
async def test_one_that_comes_before_the_word_of_the_store_does_not_wait_for_it(
    bench: Bench,
) -> None:
    soon = CLOCK.boot_us() + PATIENT.guarantee_us // 2
    bench.hands.entitle(Entitled(soon, soon))
    assert await bench.hands.start(Start("db", 1, None)) == Started("db", 1)
    assert bench.machine.until_us["db"] >= soon + PATIENT.guarantee_us // 4


@in_a_loop
@working
async def test_a_soft_one_is_tried_again_while_it_may_still_end_elsewhere(bench: Bench) -> None:
    bench.hands.definitions = {
        "db": Definition("db", "played", Mode.SOFT, options={"secret": "s"}),
    }
    bench.machine.refuses.add("db")
    starting = asyncio.create_task(bench.hands.start(Start("db", 1, TOKEN)))
    await many_turns()
    assert not starting.done()
    bench.machine.refuses.clear()
    async with asyncio.timeout(20):
        assert await starting == Started("db", 1)


@in_a_loop
@working
async def test_a_start_that_came_too_late_is_tried_again_with_more_time(bench: Bench) -> None:
    bench.machine.late["db"] = 3
    async with asyncio.timeout(20):
        assert await bench.hands.start(Start("db", 1, TOKEN)) == Started("db", 1)
    assert bench.machine.runs == {"db": TOKEN}


@in_a_loop
@working
async def test_a_start_that_is_always_too_late_is_given_to_the_next_node(bench: Bench) -> None:
    bench.machine.late["db"] = 1_000_000
    async with asyncio.timeout(20):
        assert isinstance(await bench.hands.start(Start("db", 1, TOKEN)), StartFailed)
    assert not bench.machine.runs


@in_a_loop
@working
async def test_what_is_expected_stands_ready_and_that_very_one_is_started(bench: Bench) -> None:
    bench.hands.expect({"db", "coordinator"})
    await until(lambda: bench.machine.prepared)
    assert bench.machine.prepared == ["db"]
    assert bench.machine.runs == {}
    await bench.hands.start(Start("db", 1, TOKEN))
    bench.hands.expect({"db"})
    await bench.hands.stop(Stop("db", 1, None))
    await bench.hands.start(Start("db", 2, TOKEN))
    assert bench.machine.made == ["db"]


@in_a_loop
@working
async def test_a_start_waits_for_what_is_about_to_stand_ready(bench: Bench) -> None:
    bench.machine.may_prepare.clear()
    bench.hands.expect({"db"})
    starting = asyncio.create_task(bench.hands.start(Start("db", 1, TOKEN)))
    await many_turns()
    assert not starting.done()
    bench.machine.may_prepare.set()
    assert await starting == Started("db", 1)


@in_a_loop
@working
async def test_what_runs_is_not_prepared_again_and_what_is_not_expected_is_let_go(
    bench: Bench,
) -> None:
    await bench.hands.start(Start("db", 1, TOKEN))
    bench.hands.expect({"db", "web"})
    await until(lambda: bench.machine.prepared)
    bench.hands.expect({"db", "web"})
    await until(lambda: len(bench.machine.prepared) > 1)
    assert set(bench.machine.prepared) == {"web"}
    bench.hands.expect(())
    bench.hands.expect({"web"})
    assert bench.machine.made == ["db", "web", "web"]


@in_a_loop
@working
async def test_what_does_not_stand_ready_is_started_all_the_same(bench: Bench) -> None:
    bench.machine.refuses.add("db")
    bench.hands.expect({"db"})
    await until(lambda: bench.machine.prepared)
    bench.machine.refuses.clear()
    assert await bench.hands.start(Start("db", 1, TOKEN)) == Started("db", 1)


@in_a_loop
@working
async def test_what_waits_to_be_started_is_not_once_it_is_to_stop(bench: Bench) -> None:
    bench.hands.entitle(Entitled(0, 0))
    starting = asyncio.create_task(bench.hands.start(Start("db", 1, TOKEN)))
    await asyncio.sleep(0)
    assert await bench.hands.stop(Stop("db", 1, None)) == Stopped("db", 1)
    async with asyncio.timeout(20):
        assert isinstance(await starting, StartFailed)
    assert not bench.machine.runs
    assert not bench.hands.failure_of("db")


@in_a_loop
@working
async def test_what_an_earlier_pulse_left_is_stopped_before_anything_begins(bench: Bench) -> None:
    await bench.hands.start(Start("db", 1, TOKEN))
    bench.machine.stuck.add("db")
    after = bench.begin()
    proving = asyncio.create_task(after.prove())
    await until(lambda: after.unproven)
    assert after.unproven == "it is stuck."
    assert not proving.done()
    bench.machine.stuck.clear()
    async with asyncio.timeout(20):
        await proving
    assert bench.machine.runs == {}
    assert after.unproven == ""


@in_a_loop
@working
async def test_what_was_stopped_is_remembered_no_more(bench: Bench) -> None:
    await bench.hands.start(Start("db", 1, TOKEN))
    await bench.hands.stop(Stop("db", 1, None))
    bench.machine.stuck.add("db")
    await bench.begin().prove()


@in_a_loop
@working
async def test_one_that_cannot_be_started_or_is_not_defined_is_told_as_such(bench: Bench) -> None:
    bench.machine.refuses.add("db")
    answer = await bench.hands.start(Start("db", 1, TOKEN))
    assert answer == StartFailed("db", 1, "it does not want to.")
    assert bench.hands.failure_of("db") == "it does not want to."
    found = await bench.hands.start(Start("nobody", 2, TOKEN))
    assert isinstance(found, StartFailed)
    assert "no definition of resource nobody" in found.reason


@in_a_loop
@working
async def test_one_that_ends_by_itself_is_cleared_away_and_told(bench: Bench) -> None:
    await bench.hands.start(Start("db", 1, TOKEN))
    bench.machine.broken.add("db")
    await until(lambda: bench.told)
    assert bench.told == [StartFailed("db", 1, "it is broken.")]
    assert bench.machine.runs == {}


@in_a_loop
@working
async def test_one_that_does_not_stop_is_told_as_such(bench: Bench) -> None:
    await bench.hands.start(Start("db", 1, TOKEN))
    bench.machine.stuck.add("db")
    assert await bench.hands.stop(Stop("db", 1, 0)) == StopFailed("db", 1, "it is stuck.")
    assert bench.hands.problem_of("db") == "it is stuck."


@in_a_loop
@working
async def test_a_start_that_still_waits_for_its_definition_can_be_taken_back(bench: Bench) -> None:
    bench.hands.definitions = {}
    starting = asyncio.create_task(bench.hands.start(Start("db", 1, TOKEN)))
    await asyncio.sleep(0)
    assert await bench.hands.stop(Stop("db", 1, None)) == Stopped("db", 1)
    bench.hands.definitions = {"db": Definition("db", "played", options={"secret": "s"})}
    assert isinstance(await starting, StartFailed)
    assert bench.machine.runs == {}


@in_a_loop
@working
async def test_the_coordinator_needs_no_definition(bench: Bench) -> None:
    assert await bench.hands.start(Start(COORDINATOR, 1, TOKEN)) == Started(COORDINATOR, 1)
    assert await bench.hands.stop(Stop(COORDINATOR, 1, None)) == Stopped(COORDINATOR, 1)


@in_a_loop
@working
async def test_without_a_fence_device_fencing_fails_and_says_so(bench: Bench) -> None:
    answer = await bench.hands.fence(Fence("n2", 3))
    assert answer == FencingFailed(
        "n2", 3, "no fence device is entered for it (`tandem fence add`)."
    )
