"""What the agent knows by its pulse, and what it orders of it."""

from dataclasses import dataclass
from typing import Final

from tandem.clock import Clock
from tandem.cluster import keys
from tandem.cluster.coordinator import COORDINATOR
from tandem.node.agent.store_member import endpoints
from tandem.node.beats import check_size
from tandem.node.home import Home
from tandem.node.joining.peers import routes_to
from tandem.node.pulse.messages import Orders, Report
from tandem.node.settings import NodeSettings, PeerSettings
from tandem.node.store.endpoint import Endpoint
from tandem.node.store.model import Compare, unchanged

TIMING: Final = "standard"

FRESH_US: Final = 5_000_000
"""Whoever has not renewed for longer is cut off, or the store is away: no time to decide things."""


@dataclass(frozen=True, slots=True)
class News:
    """What a report tells that the one before did not.

    Attributes:
        lost: nodes that are suspected now.
        returned: nodes that were suspected, and are there again.
        reached: nodes to which a link works both ways now.
        is_any: whether anything of that has changed, either way.
    """

    lost: frozenset[str]
    returned: frozenset[str]
    reached: frozenset[str]
    is_any: bool


class PulseView:
    """The newest report, and what follows from it.

    Args:
        clock: of this node.

    Attributes:
        report: the newest.
    """

    def __init__(self, clock: Clock) -> None:
        self.report = Report()
        self._clock = clock

    def take(self, report: Report) -> News:
        """Take a report."""
        before, self.report = self.report, report
        returned = {
            name for name, count in report.returns.items() if count != before.returns.get(name, 0)
        }
        return News(
            report.suspected - before.suspected,
            frozenset(returned),
            report.reached - before.reached,
            is_any=bool(returned)
            or (report.suspected, report.reached) != (before.suspected, before.reached),
        )

    @property
    def is_fresh(self) -> bool:
        """Whether this node's session was renewed within the last few seconds."""
        renewed_us = self.report.renewed_us
        return renewed_us is not None and self._clock.boot_us() - renewed_us <= FRESH_US

    @property
    def coordinates(self) -> int | None:
        """The revision by which this node is the coordinator; None: it is not, or not for sure."""
        if not self.is_fresh:
            return None
        for one in self.report.resources:
            if one["resource"] == COORDINATOR and one["phase"] == "running":
                revision: int | None = one["revision"]
                return revision
        return None

    def holds_seat(self) -> Compare | None:
        """What a write of a plan compares, so that only the coordinator's counts; None: it is not.

        Its token grows from holder to holder.
        """
        seat = self.coordinates
        return None if seat is None else unchanged(keys.key(keys.OWNERS, COORDINATOR), seat)


def orders_of(
    settings: NodeSettings,
    peers: tuple[PeerSettings, ...],
    started_us: int,
    asked: tuple[Endpoint, ...] = (),
) -> Orders:
    """What a pulse is to do by a node's settings.

    Args:
        settings: of the node.
        peers: as they are known now.
        started_us: see `started.note_start`.
        asked: where the store is asked; none: as the settings say.

    Raises:
        HeartbeatError: there are too many peers and links for a heartbeat.
    """
    routes = routes_to(settings, peers)
    check_size(settings.cluster, settings.node_id, routes)
    return Orders(
        node_id=settings.node_id,
        cluster=settings.cluster,
        started_us=started_us,
        data=settings.data,
        run_directory=Home(settings.data).run_directory(settings.node_id),
        endpoints=asked or endpoints(settings),
        timing=TIMING,
        nodes=tuple(sorted({settings.node_id, *(peer.node_id for peer in peers)})),
        routes=routes,
    )


def problems_of(report: Report) -> list[str]:
    """What is wrong by the pulse's word, in sentences.

    What keeps it from being on time matters where there is something exclusive to lose.
    """
    exclusive = [one for one in report.resources if one["resource"] != COORDINATOR]
    late = list(report.health.get("problems", ())) if exclusive else []
    return [
        *late,
        *(f"Resource {it['resource']}: {it['problem']}" for it in exclusive if it["problem"]),
    ]
