"""Nodes that send each other heartbeats, on a clock of the test's own."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tandem.cluster.heartbeat import Heartbeat
from tandem.cluster.link_state import PERIOD_US
from tandem.cluster.local_health import TICK_US
from tandem.cluster.suspicion import (
    Beat,
    LinkChanged,
    State,
    SuspicionChanged,
    Tick,
    beats,
    start,
    step,
)

MS = 1000
LATENCY_US = 2 * MS


@dataclass
class Hearing:
    """Three nodes on two links.

    Attributes:
        passes: whether a beat arrives, and by how much it is late.
        dead: nodes that do nothing at all.
    """

    names: tuple[str, ...] = ("a", "b", "c")
    links: tuple[str, ...] = ("x", "y")
    now_us: int = 1_000_000
    passes: Callable[[Heartbeat], int | None] = lambda _: 0
    dead: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.states: dict[str, State] = {}
        self.log: list[tuple[int, str, SuspicionChanged | LinkChanged]] = []
        self._counters = dict.fromkeys(self.names, 0)
        self._started_us: dict[str, int] = {}
        self._under_way: list[tuple[int, Heartbeat]] = []
        self._began_us = self.now_us
        for name in self.names:
            self.begin(name)

    def begin(self, name: str) -> None:
        self._counters[name] = 0
        self._started_us[name] = self.now_us
        self.states[name] = start(name, self.links, self.names, self.now_us)

    def run(self, duration_ms: int) -> list[str]:
        """Let time pass; returns what was noticed meanwhile, as text."""
        before, until_us = len(self.log), self.now_us + duration_ms * MS
        while self.now_us < until_us:
            self.now_us += TICK_US
            if (self.now_us - self._began_us) % PERIOD_US == 0:
                self._send()
            self._deliver()
            for name in self.names:
                if name not in self.dead:
                    self._take(name, Tick(), self.now_us)
        return [told(*entry[1:]) for entry in self.log[before:]]

    def suspected(self) -> dict[str, set[str]]:
        return {name: set(state.suspected) for name, state in self.states.items()}

    def _send(self) -> None:
        for name in self.names:
            if name in self.dead:
                continue
            self._counters[name] += 1
            counter, started_us = self._counters[name], self._started_us[name]
            for beat in beats(self.states[name], 1, started_us, counter, self.now_us):
                late_us = self.passes(beat)
                if late_us is not None:
                    self._under_way.append((self.now_us + LATENCY_US + late_us, beat))

    def _deliver(self) -> None:
        """Beats sent since the last tick arrive between ticks, in their order."""
        due = sorted(
            (entry for entry in self._under_way if entry[0] <= self.now_us + LATENCY_US),
            key=lambda entry: entry[0],
        )
        for entry in due:
            self._under_way.remove(entry)
            at_us, beat = entry
            if beat.receiver not in self.dead:
                self._take(beat.receiver, Beat(beat), at_us)

    def _take(self, name: str, event: Beat | Tick, now_us: int) -> None:
        self.states[name], effects = step(self.states[name], event, now_us)
        self.log += [(now_us, name, effect) for effect in effects]


def told(name: str, effect: SuspicionChanged | LinkChanged) -> str:
    if isinstance(effect, SuspicionChanged):
        return f"{name} {'suspects' if effect.is_suspected else 'hears again'} {effect.node_id}"
    way = "from" if effect.is_inbound else "to"
    return f"{name}: {effect.link} {way} {effect.node_id} {'up' if effect.is_up else 'down'}"
