"""What the engine asks for, done with resources by their kinds; and what an earlier pulse left."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from pathlib import Path

import pytest
from tests.conformance.store.subjects import in_a_loop

from tandem.clock import SystemClock
from tandem.cluster.coordinator import COORDINATOR
from tandem.cluster.exclusive.events import (
    Entitled,
    Event,
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
from tandem.cluster.exclusive.values import Token
from tandem.cluster.order import Mode
from tandem.cluster.plan.resource import Resource as Definition
from tandem.node.fencing.fencer import Fencer
from tandem.node.fencing.sealing import SecretBox
from tandem.node.pulse import node_hands, running, standing
from tandem.node.pulse.node_hands import NodeHands
from tandem.resources.kind import Found, Health, LateStartError, Place, StartError, StopUnproven

CLOCK = SystemClock()
TOKEN = Token(0, 7)
LONG_US = CLOCK.boot_us() + 3_600_000_000
LATER = Entitled(LONG_US + 1000, LONG_US + 900)


class Machine:
    """What runs on it, and a kind whose resources run in name only."""

    name = "played"

    def __init__(self) -> None:
        self.runs: dict[str, Token] = {}
        self.until_us: dict[str, int] = {}
        self.broken: set[str] = set()
        self.stuck: set[str] = set()
        self.refuses: set[str] = set()
        self.late: dict[str, int] = {}
        self.made: list[str] = []
        self.prepared: list[str] = []
        self.may_prepare = asyncio.Event()
        self.may_prepare.set()

    def resource(self, resource_id: str, options: Mapping[str, object], place: Place) -> "One":
        assert options == {"secret": "s"}
        assert place.node_id == "n1"
        self.made.append(resource_id)
        return One(self, resource_id)

    def grip(self, resource_id: str, options: Mapping[str, object], place: Place) -> "One":
        return One(self, resource_id)


class One:
    """One of its resources."""

    unprotected_because = None

    def __init__(self, machine: Machine, name: str) -> None:
        self._machine, self._name = machine, name

    async def probe(self, by_us: int) -> Found:
        raise AssertionError(by_us)

    async def prepare(self, by_us: int) -> None:
        assert by_us > CLOCK.boot_us()
        assert self._name not in self._machine.runs
        await self._machine.may_prepare.wait()
        self._machine.prepared.append(self._name)
        if self._name in self._machine.refuses:
            raise StartError("it does not want to.")

    async def start(self, token: Token, until_us: int, by_us: int) -> None:
        assert by_us
        if self._machine.late.get(self._name):
            self._machine.late[self._name] -= 1
            raise LateStartError("there was no time.")
        if self._name in self._machine.refuses:
            raise StartError("it does not want to.")
        self._machine.runs[self._name] = token
        self._machine.until_us[self._name] = until_us

    async def stop(self, ask_until_us: int, by_us: int) -> None:
        assert by_us >= ask_until_us
        if self._name in self._machine.stuck:
            raise StopUnproven("it is stuck.")
        self._machine.runs.pop(self._name, None)

    async def health(self, by_us: int) -> Health:
        assert by_us
        return Health(self._name not in self._machine.broken, "it is broken.")

    def extend(self, until_us: int) -> None:
        before_us = self._machine.until_us.get(self._name, 0)
        self._machine.until_us[self._name] = max(before_us, until_us)

    async def kill(self, by_us: int) -> None:
        raise AssertionError(by_us)

    def close(self) -> None:
        pass


class Bench:
    """Hands on a machine."""

    def __init__(self, place: Path) -> None:
        self.machine = Machine()
        self.told: list[Event] = []
        self._place = Place("n1", place / "run", place / "groups", CLOCK)
        self.hands = self.begin()

    def begin(self) -> NodeHands:
        """Those of a pulse that begins anew."""
        kinds = {"played": self.machine}
        hands = NodeHands(
            self._place,
            "",
            PATIENT,
            CLOCK,
            Fencer(SecretBox(bytes(32)), CLOCK),
            lambda *_: None,
            kinds,
        )
        hands.tell = self.told.append
        hands.entitle(Entitled(LONG_US, LONG_US - 100))
        hands.definitions = {
            name: Definition(name, "played", options={"secret": "s"}) for name in ("db", "web")
        }
        return hands


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(running, "HEALTH_S", 0.0)
    monkeypatch.setattr(node_hands, "DEFINITION_S", 0.05)
    monkeypatch.setattr(node_hands, "AGAIN_S", 0.0)
    monkeypatch.setattr(node_hands, "LOOK_S", 0.0)
    monkeypatch.setattr(node_hands, "LATE_US", 500_000)
    monkeypatch.setattr(standing, "AGAIN_US", 0)
    return Bench(tmp_path)


def working(test: Callable[[Bench], Awaitable[None]]) -> Callable[[Bench], Awaitable[None]]:
    """Hands that run meanwhile."""

    @wraps(test)
    async def run(bench: Bench) -> None:
        async with asyncio.TaskGroup() as tasks:
            hands = tasks.create_task(bench.hands.run())
            await asyncio.sleep(0)
            try:
                await test(bench)
            finally:
                bench.machine.stuck.clear()
                hands.cancel()

    return run


async def many_turns() -> None:
    """Time for what is under way to end, if anything lets it."""
    for _ in range(200):
        await asyncio.sleep(0)


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0)


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


@in_a_loop
@working
async def test_one_whose_check_fails_is_stopped_and_has_failed_with_the_checks_reason(
    bench: Bench,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        check = {"kind": "tcp", "port": port, "interval_s": 0.1, "failures": 2, "start_s": 0}
        bench.hands.definitions = {
            "db": Definition("db", "played", options={"secret": "s"}, checks=(check,)),
        }
        assert await bench.hands.start(Start("db", 1, TOKEN)) == Started("db", 1)
        await asyncio.sleep(0.3)
        assert bench.machine.runs
        assert not bench.told
    async with asyncio.timeout(20):
        await until(lambda: bench.told)
    said = f"its check 1 failed 2 times in a row: 127.0.0.1:{port}: Connection refused."
    assert bench.told == [StartFailed("db", 1, said)]
    assert not bench.machine.runs


@in_a_loop
@working
async def test_one_with_checks_stops_when_told_and_has_not_failed(bench: Bench) -> None:
    bench.hands.definitions = {
        "db": Definition(
            "db", "played", options={"secret": "s"}, checks=({"kind": "tcp", "port": 9},)
        ),
    }
    assert await bench.hands.start(Start("db", 1, TOKEN)) == Started("db", 1)
    await many_turns()
    assert await bench.hands.stop(Stop("db", 1, None)) == Stopped("db", 1)
    await many_turns()
    assert not bench.told


@in_a_loop
@working
async def test_a_check_that_cannot_be_asked_is_a_failure_and_not_the_end_of_the_pulse(
    bench: Bench,
) -> None:
    asked = ({"kind": "http", "url": "http://127.0.0.1:9/", "host": "a\r\nb"},)
    for run, check in enumerate(asked, 1):
        given = {**check, "failures": 1, "start_s": 0}
        bench.hands.definitions = {
            "db": Definition("db", "played", options={"secret": "s"}, checks=(given,)),
        }
        bench.told.clear()
        assert await bench.hands.start(Start("db", run, TOKEN)) == Started("db", run)
        async with asyncio.timeout(20):
            await until(lambda: bench.told)
        assert isinstance(bench.told[0], StartFailed)
