"""Why a plan is as it is, as data; each piece can say itself as a sentence."""

import enum
from dataclasses import dataclass


class Seat(enum.StrEnum):
    """A place in a placement's list of nodes."""

    PRIMARY = "primary"
    SECOND = "second"
    FOLLOWER = "follower"


class Reason(enum.StrEnum):
    """Why a node has its seat."""

    STAYS = "stays"
    """It had the seat already, and nothing needs it to move."""
    PROMOTED = "promoted"
    """It stood further down the list: it has recorded already, or is the first to stand in."""
    LEAST_LOADED = "least_loaded"
    """Of those that qualify, it has most room."""
    SHARES_ZONE = "shares_zone"
    """It is in the other copy's zone: no node elsewhere has room."""
    OVERCOMMITTED = "overcommitted"
    """No node has room: it is the one that is exceeded least."""
    WAITS = "waits"
    """It is not there, and the camera stays with it."""
    LINGERS = "lingers"
    """It is to be emptied, and there is no other node for this copy."""


_BECAUSE = {
    Reason.STAYS: "it is that already",
    Reason.PROMOTED: "it comes next in the list",
    Reason.LEAST_LOADED: "it has most room",
    Reason.SHARES_ZONE: "it has most room, but shares the zone of the other copy:"
    " no node of another zone has any",
    Reason.OVERCOMMITTED: "no node has room, and it is exceeded least",
    Reason.WAITS: "the camera waits for it to return",
    Reason.LINGERS: "it is to be emptied, but there is no other node for this copy",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """Why one node has one seat of one camera.

    Attributes:
        node_id: the node.
        seat: which seat.
        reason: why.
    """

    node_id: str
    seat: Seat
    reason: Reason

    def __str__(self) -> str:
        return f"{self.node_id} is {self.seat}: {_BECAUSE[self.reason]}"


@dataclass(frozen=True, slots=True)
class Overcommitted:
    """A node has more to record than it can take.

    Attributes:
        node_id: the node.
        load: what it has to record, as a part of what it can take.
    """

    node_id: str
    load: float

    def __str__(self) -> str:
        return (
            f"Node {self.node_id} is to record {self.load:.0%} of what it can take."
            " Add a node, or lower the protection or bit rate of some cameras."
        )


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A node has no room for what it would take over if another died.

    Attributes:
        dead: the node whose death is looked at.
        node_id: the node that stands in.
        load: what it would have to record, as a part of what it can take.
    """

    dead: str
    node_id: str
    load: float

    def __str__(self) -> str:
        return (
            f"If node {self.dead} dies, node {self.node_id} has to record {self.load:.0%} of what"
            " it can take. Add a node, or lower the bit rate of some cameras."
        )


@dataclass(frozen=True, slots=True)
class NoSecond:
    """Cameras that are to have two copies have one: there is only one node.

    Attributes:
        cameras: which.
    """

    cameras: tuple[str, ...]

    def __str__(self) -> str:
        return f"There is no second node for {_cameras(self.cameras)}: a failure loses pictures."


@dataclass(frozen=True, slots=True)
class SharedZone:
    """Both copies are in one zone though there are several, since no other has room.

    Attributes:
        cameras: which.
    """

    cameras: tuple[str, ...]

    def __str__(self) -> str:
        return f"Both copies of {_cameras(self.cameras)} are in one zone: no other has room."


@dataclass(frozen=True, slots=True)
class Unplaced:
    """Cameras that nobody records: there is no node.

    Attributes:
        cameras: which.
    """

    cameras: tuple[str, ...]

    def __str__(self) -> str:
        return f"Nobody records {_cameras(self.cameras)}: no node is there. Start one."


@dataclass(frozen=True, slots=True)
class Lingering:
    """Copies stay on a node that is to be emptied: there is no other node for them.

    Attributes:
        node_id: the node.
        cameras: which.
    """

    node_id: str
    cameras: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"Node {self.node_id} is to be emptied, and keeps recording {_cameras(self.cameras)}:"
            " there is no other node for a second copy. Without it, a failure loses pictures."
        )


Concern = Overcommitted | Shortfall | NoSecond | SharedZone | Unplaced | Lingering


def _cameras(names: tuple[str, ...], shown: int = 3) -> str:
    few = ", ".join(names[:shown])
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return f"camera {few}" if len(names) == 1 else f"cameras {few}{more}"
