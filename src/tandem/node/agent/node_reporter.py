"""This node's word to whoever plans resources: what it provides, and what failed on it."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tandem.clock import Clock
from tandem.cluster import keys
from tandem.cluster.model import SECOND_US
from tandem.cluster.node_report import NodeReport
from tandem.cluster.plan.resource import Resource
from tandem.cluster.plan.view import Failure, FailureKind
from tandem.node.agent.catalogue import Catalogue
from tandem.node.agent.resource_view import implied
from tandem.node.store.errors import StoreError
from tandem.node.store.model import Put, Transaction, unchanged
from tandem.node.store.protocol import Store

log = logging.getLogger(__name__)

LOOK_S: Final = 1.0
INTERFACES: Final = Path("/sys/class/net")
UNITS: Final = tuple(
    Path(it) / "systemd/system" for it in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")
)

Said = Callable[[], Sequence[Mapping[str, Any]]]
"""What runs here, as the node's status has it (docs/reference/status.md, `resources`)."""


class NodeReporter:
    """Writes this node's report whenever it changes.

    Args:
        node_id: this node.
        store: where.
        catalogue: what stands there.
        said: what runs here.
        clock: of this node.
        interfaces: the directory that has one entry a network interface.
        units: the directories that have the files of systemd's units.
    """

    def __init__(
        self,
        node_id: str,
        store: Store,
        catalogue: Catalogue,
        said: Said,
        clock: Clock,
        interfaces: Path = INTERFACES,
        units: Sequence[Path] = UNITS,
    ) -> None:
        self._node_id = node_id
        self._store = store
        self._catalogue = catalogue
        self._said = said
        self._clock = clock
        self._interfaces, self._units = interfaces, units
        self._failed_us: dict[str, int] = {}
        self._has_run: set[str] = set()
        self._new: list[Failure] = []

    async def run(self) -> None:
        """Report until cancelled."""
        while True:
            if self._catalogue.is_current:
                await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Look once, and write what has changed."""
        self._new += self._failures()
        resources = self._catalogue.resources.values
        stood = self._catalogue.reports.values.get(self._node_id, NodeReport(self._node_id))
        asked = {name for it in resources.values() for name in (*it.requires, *implied(it))}
        provides = await asyncio.to_thread(self._provided, asked) if resources else ()
        kept = tuple(it for it in stood.failures if self._counts(it, resources))
        self._new = [it for it in self._new if it not in kept]  # its answer may have been lost
        report = NodeReport(self._node_id, provides, kept).failed(self._new)
        if report != stood and await self._write(report):
            self._new = []

    def _failures(self) -> Iterator[Failure]:
        """What has failed since the last look. Each failure has an instant of its own."""
        for it in self._said():
            name, failed_us = str(it["resource"]), it.get("failed_us")
            if it.get("phase") == "running":
                self._has_run.add(name)
            if failed_us is None or self._failed_us.get(name) == failed_us:
                continue
            self._failed_us[name] = failed_us
            kind = FailureKind.RUN if name in self._has_run else FailureKind.START
            self._has_run.discard(name)
            yield Failure(name, self._node_id, kind, self._clock.utc_us())

    def _counts(self, failure: Failure, resources: Mapping[str, Resource]) -> bool:
        """Whether a failure still counts. Who disables a resource and enables it again begins anew.

        One that is dated far away by a wrong clock counts no longer than any other.
        """
        resource = resources.get(failure.resource_id)
        if resource is None or not resource.enabled:
            return False
        timeout_us = resource.failure_timeout_s * SECOND_US
        return not timeout_us or abs(self._clock.utc_us() - failure.at_us) < timeout_us

    def _provided(self, asked: Collection[str]) -> tuple[str, ...]:
        """What is there of what definitions ask for; all else would be written for nobody."""
        return tuple(sorted(it for it in asked if self._is_there(*it.partition(":")[::2])))

    def _is_there(self, what: str, name: str) -> bool:
        if not name or "/" in name:
            return False
        if what == "interface":
            return (self._interfaces / name).exists()
        return what == "unit" and any((it / name).exists() for it in self._units)

    async def _write(self, report: NodeReport) -> bool:
        revision = self._catalogue.reports.revisions.get(self._node_id, 0)
        name = keys.key(keys.REPORTS, self._node_id)
        try:
            outcome = await self._store.transact(
                Transaction((unchanged(name, revision),), (Put(name, report.encode()),))
            )
        except StoreError as problem:
            log.info("what this node provides and what failed on it is not told yet: %s", problem)
            return False
        return outcome.succeeded  # else an earlier one has arrived, and is seen soon
