"""Why a plan is as it is, as data; each piece can say itself as a sentence."""

import enum
from dataclasses import dataclass
from typing import ClassVar


class Cause(enum.StrEnum):
    """Why a resource leaves the node where it was."""

    DOWN = "down"
    FAILED = "failed"
    UNFIT = "unfit"
    """The node cannot run it any more."""
    TAKEN_OVER = "taken_over"
    """A successor has done so by itself."""
    STRAYED = "strayed"
    """Another node has taken it by the order that says where it is to be."""
    GATHERED = "gathered"
    """What it has to be on one node with is elsewhere."""
    RETURNS = "returns"
    """A node that it prefers is there again, and it is not sticky."""
    DRAINED = "drained"
    MAINTENANCE = "maintenance"
    WISHED = "wished"
    """An operator has moved it."""

    @property
    def is_automatic(self) -> bool:
        """Whether no operator asked for it."""
        return self not in {Cause.DRAINED, Cause.MAINTENANCE, Cause.WISHED}


class There(enum.StrEnum):
    """Why a node is the one."""

    RUNS_THERE = "it runs there"
    HEIR = "it comes next in the order"
    WISHED = "an operator wants it there"
    PREFERRED = "it is preferred"
    ONLY = "it is the only one that can"
    LEAST = "least runs there"
    NEAR = "what it is to be near to runs there"
    OTHER_ZONE = "it is in another zone"
    EXCEEDED = "no node has room, and it is exceeded least"
    KEPT = "orders stay as they are for now"


class Place(enum.StrEnum):
    """A place in an order."""

    RUNS = "runs it"
    FOLLOWS = "follows"


@dataclass(frozen=True, slots=True)
class Choice:
    """Why a node has its place in an order.

    Attributes:
        node_id: the node.
        place: which place.
        there: why.
    """

    node_id: str
    place: Place
    there: There

    def __str__(self) -> str:
        return f"{self.node_id} {self.place}: {self.there}"


@dataclass(frozen=True, slots=True)
class Runs:
    """A resource runs, or is about to.

    Attributes:
        resource_id: which.
        node_id: where.
        held: why it is not moved though something speaks for it, as a clause; else empty.
    """

    resource_id: str
    node_id: str
    held: str = ""

    def __str__(self) -> str:
        held = f"; it is not moved: {self.held}" if self.held else ""
        return f"{self.resource_id} runs on {self.node_id}{held}."


@dataclass(frozen=True, slots=True)
class Moves:
    """A resource moves.

    Attributes:
        resource_id: which.
        from_node: where it was.
        node_id: where it will be.
        cause: why it leaves.
        because: the same, as a clause.
    """

    resource_id: str
    from_node: str
    node_id: str
    cause: Cause
    because: str

    def __str__(self) -> str:
        return f"{self.resource_id} moves from {self.from_node} to {self.node_id}: {self.because}."


@dataclass(frozen=True, slots=True)
class RunsNowhere:
    """A resource does not run, whether for now or as it is wanted.

    Attributes:
        resource_id: which.
        because: why, as clauses.
    """

    how: ClassVar[str]
    """What is said of it."""

    resource_id: str
    because: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.resource_id} {self.how}: {'; '.join(self.because)}."


@dataclass(frozen=True, slots=True)
class Waits(RunsNowhere):
    """It does not run now, and will as soon as something else is so."""

    how: ClassVar[str] = "does not run"


@dataclass(frozen=True, slots=True)
class Stopped(RunsNowhere):
    """It is to run nowhere."""

    how: ClassVar[str] = "is stopped"


Verdict = Runs | Moves | Waits | Stopped


@dataclass(frozen=True, slots=True)
class Unrest:
    """Nothing moves by itself at the moment.

    Attributes:
        because: why, as a clause.
    """

    because: str

    def __str__(self) -> str:
        return (
            f"Nothing is moved automatically now: {self.because}."
            " Who dies is followed by its successors all the same."
        )


@dataclass(frozen=True, slots=True)
class Circle:
    """A need is not kept, since it closes a circle.

    Attributes:
        resource_id: who needs it.
        needed: what is needed.
    """

    resource_id: str
    needed: str

    def __str__(self) -> str:
        return (
            f"{self.resource_id} does not wait for {self.needed}, since that waits for"
            f" {self.resource_id} itself. Change what either is to run after."
        )


@dataclass(frozen=True, slots=True)
class Unknown:
    """A definition names a resource that there is not.

    Attributes:
        resource_id: whose definition.
        named: what it names.
    """

    resource_id: str
    named: str

    def __str__(self) -> str:
        return f"{self.resource_id} names resource {self.named}, and there is none: correct it."


@dataclass(frozen=True, slots=True)
class Refused:
    """A move that an operator asked for is not made.

    Attributes:
        resource_id: of what.
        node_id: whereto.
        because: why not, as a clause.
    """

    resource_id: str
    node_id: str
    because: str

    def __str__(self) -> str:
        return f"{self.resource_id} cannot be moved to {self.node_id}: {self.because}."


@dataclass(frozen=True, slots=True)
class Unfollowed:
    """Nobody would follow if a node died.

    Attributes:
        node_id: the node.
        resources: what would run nowhere.
    """

    node_id: str
    resources: tuple[str, ...]

    def __str__(self) -> str:
        names = _names(self.resources)
        runs = "runs" if len(self.resources) == 1 else "run"
        return f"If node {self.node_id} dies, {names} {runs} nowhere: no other node can take over."


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A node has more to carry than it can.

    Attributes:
        node_id: the node.
        what: of what there is not enough.
        share: what is needed, as a part of what there is.
    """

    node_id: str
    what: str
    share: float

    def __str__(self) -> str:
        return (
            f"Node {self.node_id} is to carry {self.share:.0%} of what it can take ({self.what})."
            " Move something, or add a node."
        )


@dataclass(frozen=True, slots=True)
class Unproven:
    """A stop is not proven.

    Attributes:
        resource_id: of what.
        node_id: where.
    """

    resource_id: str
    node_id: str

    def __str__(self) -> str:
        return (
            f"It is not proven that {self.resource_id} has stopped on {self.node_id}: it starts"
            f" nowhere else until {self.node_id} was fenced."
        )


Concern = Unrest | Circle | Unknown | Refused | Unfollowed | Exceeded | Unproven


def _names(names: tuple[str, ...], shown: int = 3) -> str:
    few, rest = names[:shown], names[shown:]
    last = f"{len(rest)} more" if rest else few[-1]
    first = few if rest else few[:-1]
    return f"{', '.join(first)} and {last}" if first else last
