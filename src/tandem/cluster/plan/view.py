"""What the planner knows of nodes, of what runs, and of what went wrong.

All instants are UTC in microseconds. They come from several nodes' clocks, and a clock may be
wrong: so an instant counts for as long as it is less than its time away, in either direction, and
what a wrong clock has dated years ahead does not count for years.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tandem.cluster.load import NOTHING, Cost
from tandem.cluster.model import Node
from tandem.cluster.order import Order


class Service(enum.StrEnum):
    """What the operator has said of a node."""

    NORMAL = "normal"
    DRAINING = "draining"
    """Empty it, and interrupt nothing: what can run nowhere else stays."""
    MAINTENANCE = "maintenance"
    """It will be switched off: what can run nowhere else is stopped."""


@dataclass(frozen=True, slots=True)
class Member:
    """A node, as one that may run resources.

    Attributes:
        node: what is stored of it.
        is_down: it is gone; suspicion is enough, since a plan starts nothing exclusive by itself.
        service: what the operator has said of it.
        is_witness: it takes part in decisions and runs nothing.
        provides: what is there: `interface:eth0`, `unit:nginx.service`.
        room: how much it has, by the name of what, beside network and disk, which its `node` tells.
            Of what is not named there is no end.
        recording: what its cameras take.
    """

    node: Node
    is_down: bool = False
    service: Service = Service.NORMAL
    is_witness: bool = False
    provides: frozenset[str] = frozenset()
    room: Mapping[str, int] = field(default_factory=dict)
    recording: Cost = NOTHING

    @property
    def node_id(self) -> str:
        """Its name."""
        return self.node.node_id


class Running(NamedTuple):
    """One resource on one node.

    Attributes:
        node_id: the node. Of one that is down, it is what it owned last.
        generation: of the order by which it was started there.
        token: incarnation and revision with which it was taken; (0, 0) where there is none.
    """

    node_id: str
    generation: int
    token: tuple[int, int] = (0, 0)


class FailureKind(enum.StrEnum):
    """What failed."""

    START = "start"
    RUN = "run"
    """It ended by itself, or was not well and was started again."""
    STOP = "stop"
    """It is not proven to have stopped. Forget this once the node was fenced or began anew."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A resource has failed on a node.

    Attributes:
        resource_id: which.
        node_id: where.
        kind: what failed.
        at_us: when.
    """

    resource_id: str
    node_id: str
    kind: FailureKind
    at_us: int


@dataclass(frozen=True, slots=True)
class Wish:
    """`tandem resource move`: an operator's preference, for a while.

    Attributes:
        resource_id: which.
        node_id: whereto.
        made_us: when it was said.
        until_us: when it ends. It stays where it is then.
    """

    resource_id: str
    node_id: str
    made_us: int
    until_us: int


class NodeChange(NamedTuple):
    """A node went or came, without an operator's word.

    Attributes:
        node_id: which.
        at_us: when.
    """

    node_id: str
    at_us: int


@dataclass(frozen=True, slots=True)
class View:
    """What the planner knows.

    Attributes:
        now_us: the time.
        members: all nodes of the cluster.
        orders: as committed, by resource.
        running: by resource, where it runs; by what owners and nodes say, those that are down
            included.
        failures: that are known, in any order.
        wishes: by resource.
        node_changes: of the last minute.
        leader_changes_us: when the store's leader changed, within the last minute.
    """

    now_us: int
    members: tuple[Member, ...]
    orders: Mapping[str, Order] = field(default_factory=dict)
    running: Mapping[str, tuple[Running, ...]] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    wishes: Mapping[str, Wish] = field(default_factory=dict)
    node_changes: tuple[NodeChange, ...] = ()
    leader_changes_us: tuple[int, ...] = ()

    def is_recent(self, at_us: int, within_us: int) -> bool:
        """Whether an instant is less than a time away."""
        return abs(self.now_us - at_us) < within_us
