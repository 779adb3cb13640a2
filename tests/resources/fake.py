"""A kind of resource that exists in memory alone: for the conformance suite, and for the engine."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tandem.clock import Clock
from tandem.cluster.exclusive.values import Token
from tandem.resources.kind import (
    Found,
    Grip,
    Health,
    LateStartError,
    Place,
    Presence,
    Resource,
    StartError,
    StopUnproven,
)


@dataclass
class HandClock:
    """Shows what it was set to."""

    now_us: int = 1_000_000

    def boot_us(self) -> int:
        return self.now_us

    def utc_us(self) -> int:
        return self.now_us


@dataclass
class Run:
    token: Token | None
    until_us: int


@dataclass
class World:
    """A machine's kernel: what runs, and until when."""

    clock: Clock = field(default_factory=HandClock)
    is_stuck: bool = False
    _runs: dict[str, Run] = field(default_factory=dict)

    def run_of(self, resource_id: str) -> Run | None:
        run = self._runs.get(resource_id)
        if run and run.token and run.until_us <= self.clock.boot_us() and not self.is_stuck:
            del self._runs[resource_id]
            return None
        return run

    def put(self, resource_id: str, run: Run) -> None:
        self._runs[resource_id] = run

    def end(self, resource_id: str) -> None:
        if self._runs.get(resource_id) and self.is_stuck:
            raise StopUnproven(f"Resource {resource_id} is stuck.")
        self._runs.pop(resource_id, None)


@dataclass
class FakeResource:
    resource_id: str
    world: World
    unprotected_because: str | None = None

    async def probe(self, by_us: int) -> Found:
        run = self.world.run_of(self.resource_id)
        if run is None:
            return Found(Presence.ABSENT, None, "Nothing runs.")
        if run.token is None:
            return Found(Presence.FOREIGN, None, "Somebody else's runs.")
        return Found(Presence.OURS, run.token, f"Ours runs, {run.token}.")

    async def prepare(self, by_us: int) -> None:
        pass

    async def start(self, token: Token, until_us: int, by_us: int) -> None:
        if until_us <= self.world.clock.boot_us():
            raise LateStartError(f"Resource {self.resource_id}: its time is over.")
        run = self.world.run_of(self.resource_id)
        if run and run.token != token:
            raise StartError(f"Resource {self.resource_id} runs already.")
        until_us = max(until_us, run.until_us) if run else until_us
        self.world.put(self.resource_id, Run(token, until_us))

    async def stop(self, ask_until_us: int, by_us: int) -> None:
        self.world.end(self.resource_id)

    async def health(self, by_us: int) -> Health:
        runs = self.world.run_of(self.resource_id) is not None
        return Health(runs, "It runs." if runs else "It does not run.")


@dataclass
class FakeGrip:
    resource_id: str
    world: World

    def extend(self, until_us: int) -> None:
        run = self.world.run_of(self.resource_id)
        if run:
            run.until_us = max(run.until_us, until_us)

    async def kill(self, by_us: int) -> None:
        self.world.end(self.resource_id)

    def close(self) -> None:
        pass


@dataclass
class FakeKind:
    """Its option `unprotected_because` says why it lacks a last line."""

    world: World = field(default_factory=World)
    name: str = "fake"

    def resource(self, resource_id: str, options: Mapping[str, object], place: Place) -> Resource:
        because = options.get("unprotected_because")
        return FakeResource(resource_id, self.world, because if isinstance(because, str) else None)

    def grip(self, resource_id: str, options: Mapping[str, object], place: Place) -> Grip:
        return FakeGrip(resource_id, self.world)


@dataclass
class FakeBench:
    clock: HandClock
    world: World

    def resource(self) -> Resource:
        return FakeResource("r", self.world)

    def grip(self) -> Grip:
        return FakeGrip("r", self.world)

    def runs(self) -> bool:
        return self.world.run_of("r") is not None

    async def run_without_us(self) -> None:
        self.world.put("r", Run(None, 0))

    async def pass_time(self, until_us: int) -> None:
        self.clock.now_us = max(self.clock.now_us, until_us)

    @asynccontextmanager
    async def hindered(self) -> AsyncIterator[None]:
        self.world.is_stuck = True
        try:
            yield
        finally:
            self.world.is_stuck = False


@asynccontextmanager
async def make(tmp_path: Path) -> AsyncIterator[FakeBench]:
    clock = HandClock()
    yield FakeBench(clock, World(clock))
