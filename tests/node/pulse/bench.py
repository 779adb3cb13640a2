"""A machine on which resources run in name only, and hands on it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from pathlib import Path

import pytest

from tandem.clock import SystemClock
from tandem.cluster.exclusive.events import Entitled, Event
from tandem.cluster.exclusive.timing import PATIENT
from tandem.cluster.exclusive.values import Token
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


def bench_at(place: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Hands that wait for nothing longer than they must."""
    monkeypatch.setattr(running, "HEALTH_S", 0.0)
    monkeypatch.setattr(node_hands, "DEFINITION_S", 0.05)
    monkeypatch.setattr(node_hands, "AGAIN_S", 0.0)
    monkeypatch.setattr(node_hands, "LOOK_S", 0.0)
    monkeypatch.setattr(node_hands, "LATE_US", 500_000)
    monkeypatch.setattr(standing, "AGAIN_US", 0)
    return Bench(place)


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
