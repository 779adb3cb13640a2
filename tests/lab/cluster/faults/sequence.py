"""Which faults, in which order: everything that is drawn, by a seed alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final


class Kind(StrEnum):
    POWER_LOSS = "power loss"
    FREEZE = "freeze"
    CUT = "cut"
    ONE_WAY_CUT = "one-way cut"
    AGENT_KILLED = "SIGKILL of the agent"
    PULSE_KILLED = "SIGKILL of the pulse"
    BOTH_KILLED = "SIGKILL of agent and pulse at once"
    ETCD_KILLED = "SIGKILL of etcd"
    STUCK = "process stuck on a dead disk, then SIGKILL of agent and pulse"
    STUCK_AND_CUT = "process stuck on a dead disk, then a cut of both links"


LINKS: Final = ("a", "b", "ab", "ab")
"""Both together as often as either: only then anything is to move."""

OF_OWNER: Final = 0.75
SHORTEST_S, LONGEST_S = 0.2, 6.0
"""How long a fault lasts: from too short to be noticed to three times the guarantee."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        number: in its sequence.
        kind: what happens.
        wished: number of the node to which the process is moved before, by an operator's word.
        to_owner: whether it happens to the node that has the process, or to the next one.
        after_s: from the move until it happens; the process may be on its way then.
        for_s: until it is healed.
        links: which are cut, where any are.
        direction: of a one-way cut, as the node sees it.
    """

    number: int
    kind: Kind
    wished: int
    to_owner: bool
    after_s: float
    for_s: float
    links: str
    direction: str

    def __str__(self) -> str:
        cut = self.kind in {Kind.CUT, Kind.ONE_WAY_CUT}
        way = f" {self.direction}" if self.kind is Kind.ONE_WAY_CUT else ""
        where = f" of {'+'.join(self.links)}{way}" if cut else ""
        whom = "its node" if self.to_owner else "another node"
        return (
            f"{self.number}: moved to node{self.wished}; after {self.after_s:.2f} s"
            f" {self.kind}{where}, {whom}, for {self.for_s:.2f} s"
        )


def sequence(seed: int, length: int, nodes: int) -> Iterator[Fault]:
    """The faults of a seed; a longer sequence begins with the shorter one."""
    random = Random(seed)
    for number in range(length):
        yield Fault(
            number,
            random.choice(list(Kind)),
            random.randint(1, nodes),
            random.random() < OF_OWNER,
            random.choice((random.uniform(0, 1), random.uniform(1, 3))),
            random.choice((random.uniform(SHORTEST_S, 2.5), random.uniform(2.5, LONGEST_S))),
            random.choice(LINKS),
            random.choice(("in", "out")),
        )
