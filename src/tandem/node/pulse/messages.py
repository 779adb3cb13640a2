"""What the agent and the pulse say to each other: each its whole state, again and again. Pure.

One JSON object a line: `Orders` into the pulse's standard input, `Report` out of its standard
output. A line that is lost costs nothing but the time until the next. The end of the orders is an
order as well: end what runs here in good order, and then yourself.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from tandem.cluster.exclusive.timing import PRESETS
from tandem.node.beats import Route
from tandem.node.store.endpoint import Endpoint

VERSION: Final = 1
LIFE_S: Final = 1.0
"""How often each says how it is, though nothing has changed."""

Json = dict[str, Any]


class MessageError(ValueError):
    """A line that is none of this release's."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What the agent tells. What the pulse cannot change while it runs, it takes from the first.

    Attributes:
        node_id: this node; from the first.
        cluster: its number; from the first.
        started_us: see `started.note_start`; from the first.
        data: the node's own directory; from the first.
        run_directory: of the resources that run here; from the first.
        endpoints: of the store.
        timing: a preset of `cluster.exclusive.timing`; from the first.
        nodes: all configured ones, this one included.
        routes: the ways to the others.
    """

    node_id: str
    cluster: int
    started_us: int
    data: Path
    run_directory: Path
    endpoints: tuple[Endpoint, ...]
    timing: str
    nodes: tuple[str, ...]
    routes: tuple[Route, ...]

    def encode(self) -> bytes:
        """As one line."""
        return json.dumps({"version": VERSION, **asdict(self)}, default=str).encode()


def parse_orders(line: bytes) -> Orders:
    """Read a line of orders.

    Raises:
        MessageError: it is none, or of another release.
    """
    said = _read(line)
    try:
        orders = Orders(
            node_id=str(said["node_id"]),
            cluster=int(said["cluster"]),
            started_us=int(said["started_us"]),
            data=Path(said["data"]),
            run_directory=Path(said["run_directory"]),
            endpoints=tuple(Endpoint(**each) for each in said["endpoints"]),
            timing=str(said["timing"]),
            nodes=tuple(map(str, said["nodes"])),
            routes=tuple(Route(**each) for each in said["routes"]),
        )
    except (KeyError, TypeError, ValueError) as problem:
        raise MessageError(f"The pulse was given what are no orders ({problem!r}).") from None
    if orders.timing not in PRESETS:
        raise MessageError(
            f"There is no timing {orders.timing!r}. There are: {', '.join(PRESETS)}."
        )
    return orders


@dataclass(frozen=True, slots=True)
class Report:
    """What the pulse tells.

    Attributes:
        suspected: the nodes that this one suspects.
        reached: the nodes that are there, and between which and this one a link works both ways.
        returns: by node, how often it was no longer suspected; so none is missed.
        peers: the others as they are heard (docs/reference/status.md).
        phase: of this node's session.
        epoch: of this node's session; None: there was none.
        renewed_us: when the renewal that counts was about to be sent, CLOCK_BOOTTIME; None: no
            renewal counts.
        problem: why the store could not be used the last time; "" if it could.
        resources: what may run here, as the pulse sees it.
        health: of the pulse itself: priority, memory, lateness.
    """

    suspected: frozenset[str] = frozenset()
    reached: frozenset[str] = frozenset()
    returns: Mapping[str, int] = field(default_factory=dict)
    peers: Sequence[Json] = ()
    phase: str = "idle"
    epoch: int | None = None
    renewed_us: int | None = None
    problem: str = ""
    resources: Sequence[Json] = ()
    health: Mapping[str, Any] = field(default_factory=dict)

    def encode(self) -> bytes:
        """As one line."""
        return json.dumps({"version": VERSION, **asdict(self)}, default=sorted).encode()


def parse_report(line: bytes) -> Report:
    """Read a line of the pulse.

    Raises:
        MessageError: it is none, or of another release.
    """
    said = _read(line)
    try:
        return Report(
            suspected=frozenset(said["suspected"]),
            reached=frozenset(said["reached"]),
            returns=dict(said["returns"]),
            peers=list(said["peers"]),
            phase=said["phase"],
            epoch=said["epoch"],
            renewed_us=said["renewed_us"],
            problem=said["problem"],
            resources=list(said["resources"]),
            health=dict(said["health"]),
        )
    except (KeyError, TypeError, ValueError) as problem:
        raise MessageError(f"The pulse wrote what is no report ({problem!r}).") from None


def _read(line: bytes) -> Json:
    try:
        said = json.loads(line)
        version = said["version"]
    except (ValueError, KeyError, TypeError) as problem:
        raise MessageError(f"Agent and pulse do not understand each other ({problem!r}).") from None
    if version != VERSION:
        raise MessageError(
            f"Agent and pulse are of different releases (version {version}, not {VERSION})."
            " Restart Tandem on this node."
        )
    return dict(said)
