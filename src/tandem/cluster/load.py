"""What recording costs a node, and how much each node has left.

A copy costs the same on every node that records it: one stream, and its bit rate both into the
network card and onto the disks. So a node's room is

    limit_kbps = min(capacity_mbps x 1000, disk_mb_s x 8000)
    load = max(sum of kbit/s / limit_kbps, cameras / streams)

and a load above 1 is overcommitted. Sums are whole kbit/s: adding and taking away again must come
to nothing, or a plan would depend on the order of its steps.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tandem.cluster.model import Camera, Node


class Cost(NamedTuple):
    """What a number of copies cost."""

    kbps: int
    streams: int

    def plus(self, other: "Cost") -> "Cost":
        """Both together."""
        return Cost(self.kbps + other.kbps, self.streams + other.streams)

    def minus(self, other: "Cost") -> "Cost":
        """This without the other."""
        return Cost(self.kbps - other.kbps, self.streams - other.streams)


NOTHING = Cost(0, 0)


def cost_of(camera: Camera) -> Cost:
    """What one copy of a camera costs. A camera that is not measured yet still costs something."""
    return Cost(max(1, math.ceil(camera.bit_rate_mbps * 1000)), 1)


@dataclass(slots=True)
class Loads:
    """How loaded each node is, and would be if another died.

    Attributes:
        limits: what each node can take.
        held: what each records while all is well.
        standby: what each would record as well, by who has died: `standby[dead][node]`.
    """

    limits: dict[str, Cost]
    held: dict[str, Cost] = field(init=False)
    standby: dict[str, dict[str, Cost]] = field(init=False)

    def __post_init__(self) -> None:
        self.held = dict.fromkeys(self.limits, NOTHING)
        self.standby = {dead: dict.fromkeys(self.limits, NOTHING) for dead in self.limits}

    @classmethod
    def of(cls, nodes: Iterable[Node]) -> "Loads":
        """Nodes that record nothing yet."""
        return cls({node.node_id: limit_of(node) for node in nodes})

    def record(self, node_id: str, cost: Cost) -> None:
        """A node takes a copy."""
        self.held[node_id] = self.held[node_id].plus(cost)

    def release(self, node_id: str, cost: Cost) -> None:
        """A node loses a copy."""
        self.held[node_id] = self.held[node_id].minus(cost)

    def stand_by(self, dead: str, node_id: str, cost: Cost) -> None:
        """A node would take a copy if another died."""
        row = self.standby[dead]
        kbps, streams = row[node_id]
        row[node_id] = Cost(kbps + cost.kbps, streams + cost.streams)

    def load(self, node_id: str, more: Cost = NOTHING) -> float:
        """How full a node is, or would be with more; above 1 it is overcommitted."""
        (limit_kbps, limit), (kbps, streams) = self.limits[node_id], self.held[node_id]
        return max((kbps + more.kbps) / limit_kbps, (streams + more.streams) / limit)

    def load_without(self, dead: str, node_id: str, more: Cost = NOTHING) -> float:
        """How full a node is once another has died and it stands in for its part."""
        (limit_kbps, limit), (kbps, streams) = self.limits[node_id], self.held[node_id]
        more_kbps, more_streams = self.standby[dead][node_id]
        return max(
            (kbps + more_kbps + more.kbps) / limit_kbps,
            (streams + more_streams + more.streams) / limit,
        )

    def fits(self, node_id: str, more: Cost) -> bool:
        """Whether a node has room."""
        return self.load(node_id, more) <= 1

    def fit_without_any(self, more: Cost) -> bool:
        """Whether every node has room, whoever of the others has died."""
        for dead, row in self.standby.items():
            for node_id, (kbps, streams) in row.items():
                (limit_kbps, limit), held = self.limits[node_id], self.held[node_id]
                if node_id != dead and (
                    held.kbps + kbps + more.kbps > limit_kbps
                    or held.streams + streams + more.streams > limit
                ):
                    return False
        return all(self.fits(node_id, more) for node_id in self.limits)


def limit_of(node: Node) -> Cost:
    """What a node can take; one that can take nothing counts as one that can take the least."""
    kbps = min(node.capacity_mbps * 1000, node.disk_mb_s * 8000)
    return Cost(max(1, int(kbps)), max(1, node.streams))


def zones(nodes: Sequence[Node]) -> Mapping[str, str]:
    """The zone of each node.

    A node without a zone is one by itself; so is each where all are in the same, since there is
    nothing to choose then. (No name of a zone collides: `/` is in no name of a node.)
    """
    several = len({node.zone for node in nodes}) > 1
    return {node.node_id: (several and node.zone) or f"/{node.node_id}" for node in nodes}
