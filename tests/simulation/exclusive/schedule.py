"""What goes wrong in a run, and when: plain data, so that it can be printed, and made smaller."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from tests.simulation.exclusive.clockwork import MS, SECOND


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong for a while.

    Attributes:
        at_us: when it begins, true time.
        lasts_us: how long it lasts; what cannot last, such as the loss of a leader, ignores it.
        kind: the name of a method of `faults.Faults`.
        on: the hosts, or the resource and then the nodes, that it concerns.
        amount: by kind: a link, or a time in microseconds.
    """

    at_us: int
    lasts_us: int
    kind: str
    on: tuple[str, ...] = ()
    amount: int = 0

    def __str__(self) -> str:
        whom = " ".join(self.on)
        return (
            f"{self.at_us / SECOND:.3f} s: {self.kind} {whom} ({self.amount})"
            f" for {self.lasts_us / SECOND:.3f} s"
        )


class Setting(NamedTuple):
    """What a run is made of, besides its faults.

    Attributes:
        seed: decides whatever else is left to chance.
        nodes: how many.
        strict: how many strict resources.
        soft: how many soft ones.
        outside: whether the store's members are on hosts of their own.
        fencing: whether nodes can be fenced.
        watchdog: whether machines have one.
        links: how many networks.
        faults_us: the faults are over by then.
        preset: of timing, by name.
        reads_beside: whether each transaction reads all sessions as well, or only a watch tells.
        starts_cold: whether the machines start at different moments, and the last one never.
        is_ordered: whether every resource is to run on the first node, the second being next.
        joiners: how many of the nodes, the last ones, are not configured at first.
    """

    seed: int
    nodes: int
    strict: int = 1
    soft: int = 0
    outside: bool = False
    fencing: bool = False
    watchdog: bool = False
    links: int = 2
    faults_us: int = 6 * SECOND
    preset: str = "fast"
    reads_beside: bool = True
    starts_cold: bool = False
    is_ordered: bool = False
    joiners: int = 0


class Plan(NamedTuple):
    """A run, all of it."""

    setting: Setting
    faults: tuple[Fault, ...]


OWNER = "@owner"
OTHER = "@other"
LAST = "@last"
"""In a fault's `on`: who runs the first resource when it begins, who of the others is to be next,
and who last."""

FOREVER_US = 1_000 * SECOND
QUIET_US = 1_500 * MS
"""Before the first fault: sessions begin, and resources start, in most runs."""

NAMES = "abcdefg"


def nodes_of(setting: Setting) -> list[str]:
    """All that ever are, those that join included."""
    return list(NAMES[: setting.nodes])


def founders_of(setting: Setting) -> list[str]:
    """The nodes that are configured at first."""
    return nodes_of(setting)[: setting.nodes - setting.joiners]


def members_of(setting: Setting) -> list[str]:
    """Where the store's members run."""
    if setting.outside:
        return ["m1", "m2", "m3"]
    founders = founders_of(setting)
    return founders[: 5 if len(founders) >= 5 else 3]


def hosts_of(setting: Setting) -> list[str]:
    return nodes_of(setting) + (members_of(setting) if setting.outside else [])


def resources_of(setting: Setting) -> list[str]:
    strict = [f"strict{number}" for number in range(1, setting.strict + 1)]
    return strict + [f"soft{number}" for number in range(1, setting.soft + 1)]


Maker = Callable[[Random, Setting], list[Fault]]
"""Makes one or several faults that belong together."""


def when(random: Random, setting: Setting) -> tuple[int, int]:
    """From when, and for how long: often about as long as a guarantee, sometimes a mere moment."""
    at_us = random.randint(QUIET_US, setting.faults_us - 100 * MS)
    left_us = setting.faults_us - at_us
    longest_us = min(left_us, random.choice([200 * MS, 1 * SECOND, 3 * SECOND, 6 * SECOND]))
    return at_us, random.randint(20 * MS, max(longest_us, 20 * MS))
