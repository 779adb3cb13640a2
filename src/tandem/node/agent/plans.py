"""All that an agent plans in its turn, cameras and resources; and what it reports to who plans."""

from collections.abc import Callable, Coroutine
from typing import Any

from tandem.clock import Clock
from tandem.node.agent.catalogue import Catalogue
from tandem.node.agent.decisions import Note
from tandem.node.agent.node_reporter import NodeReporter
from tandem.node.agent.planner import Planner
from tandem.node.agent.pulse_view import PulseView
from tandem.node.agent.resource_planner import Json, ResourcePlanner
from tandem.node.store.protocol import Store


class Plans:
    """The planners, put together.

    Args:
        node_id: this node.
        store: of the cluster.
        catalogue: what stands there.
        seen: what the pulse tells; whether this node is the coordinator, above all.
        clock: of this node.
        note: keeps what plans are made from.
    """

    def __init__(
        self,
        node_id: str,
        store: Store,
        catalogue: Catalogue,
        seen: PulseView,
        clock: Clock,
        note: Note,
    ) -> None:
        self._cameras = Planner(store, catalogue, lambda: seen.report.suspected, seen, clock, note)
        self._resources = ResourcePlanner(
            store, catalogue, lambda: seen.report.suspected, seen.holds_seat, clock, note
        )
        self._reporter = NodeReporter(
            node_id, store, catalogue, lambda: seen.report.resources, clock
        )

    @property
    def parts(self) -> list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]]:
        """What goes on all the time, by name."""
        return [
            ("planning", self._cameras.run),
            ("planning resources", self._resources.run),
            ("reporting to who plans", self._reporter.run),
        ]

    @property
    def concerns(self) -> tuple[str, ...]:
        """What the administrator should know, in sentences; none where another node plans."""
        return (*self._cameras.concerns, *self._resources.concerns)

    def document(self) -> Json | None:
        """What is planned of resources, for the status; None where another node plans."""
        return self._resources.document()
