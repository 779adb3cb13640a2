"""What this node does for the store besides running its member: room, speed, backups."""

import asyncio
import ssl
from random import Random

from tandem.clock import Clock
from tandem.node.agent.guard import guarded
from tandem.node.agent.store_member import endpoints
from tandem.node.backup.keeper import BackupKeeper
from tandem.node.backup.taking import Source
from tandem.node.etcd.care.carer import Carer
from tandem.node.home import Home
from tandem.node.settings import NodeSettings
from tandem.node.store.protocol import Store


class StoreCare:
    """Keeps backups; and where Tandem runs the store, keeps it small and fast.

    Args:
        settings: of the node.
        store: of the cluster.
        tls: for asking its members.
        clock: of this node.
        random: for jitter.
    """

    def __init__(
        self,
        settings: NodeSettings,
        store: Store,
        tls: ssl.SSLContext,
        clock: Clock,
        random: Random,
    ) -> None:
        def source() -> Source:
            return Source(settings.cluster, settings.node_id, endpoints(settings), tls)

        self._clock, self._random = clock, random
        self._is_ours = settings.store_is_embedded
        self._backups = BackupKeeper(source, Home(settings.data).backups, clock, random)
        self._carer = Carer(
            settings.node_id, lambda: endpoints(settings), tls, store, clock, random
        )

    @property
    def concerns(self) -> tuple[str, ...]:
        """What is to be considered, in sentences."""
        return self._carer.concerns

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, in sentences."""
        return (*self._carer.problems, *self._backups.problems)

    async def run(self) -> None:
        """Do it until cancelled."""
        parts = [("backups of the store", self._backups.run)]
        if self._is_ours:
            parts.append(("caring for the store", self._carer.run))
        async with asyncio.TaskGroup() as tasks:
            for name, part in parts:
                tasks.create_task(guarded(name, part, self._clock, self._random), name=name)
