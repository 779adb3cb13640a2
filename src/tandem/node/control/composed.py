"""`NodeControl` of what an agent has: its own status, a store, and the way to the other nodes."""

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tandem.clock import Clock
from tandem.cluster.keys import IdError
from tandem.cluster.model import Camera, Node, Placement
from tandem.node.archivist.view import Address
from tandem.node.control.agreed import Agreed
from tandem.node.control.asking import ask_nodes
from tandem.node.control.cameras import CameraStore
from tandem.node.control.fencing import FencingControl
from tandem.node.control.merge import cluster_status
from tandem.node.control.protocol import Json, RefusedError
from tandem.node.control.resources import ResourceStore
from tandem.node.control.services import ServiceStore
from tandem.node.joining.inviting import Inviter, Members
from tandem.node.joining.removing import remove_node
from tandem.node.preflight.checking import Checking
from tandem.node.seal import Sealer
from tandem.node.settings import NodeSettings
from tandem.node.store.protocol import Store


@dataclass(frozen=True, slots=True)
class Known:
    """What an agent knows at any moment, also while the store does not answer; from memory.

    Attributes:
        status: this node alone; see docs/reference/status.md.
        word: what it says of its cameras; see `tandem.node.control.words`.
        agreed: what stands in the store.
        others: the addresses of the other nodes' agents, one a link.
        members: who belongs to the cluster, is to, or did.
    """

    status: Callable[[], Json]
    word: Callable[[], Json]
    agreed: Callable[[], Agreed]
    others: Callable[[], Mapping[str, Sequence[Address]]]
    members: Callable[[], Members] = Members

    def nodes(self) -> Sequence[Node]:
        """Of the cluster, as the store has them."""
        return self.agreed().nodes

    def cameras(self) -> Sequence[Camera]:
        """All of the cluster, those removed among them or not."""
        return self.agreed().cameras

    def placements(self) -> Mapping[str, Placement]:
        """As committed, by camera."""
        return self.agreed().placements


class ComposedControl(CameraStore, ServiceStore, ResourceStore):
    """All that is asked of an agent.

    Args:
        settings: of this node.
        known: what the agent knows.
        store: of the cluster.
        sealer: of the cameras' logins.
        tls: as `node.tls.client_context` makes it.
        clock: of this node.
        inviter: lets servers in.
    """

    def __init__(
        self,
        settings: NodeSettings,
        known: Known,
        store: Store,
        sealer: Sealer,
        tls: ssl.SSLContext,
        clock: Clock,
        inviter: Inviter | None = None,
    ) -> None:
        self._inviter = inviter
        self._store_of_nodes = store
        CameraStore.__init__(self, store, sealer)
        ServiceStore.__init__(self, store, clock)
        ResourceStore.__init__(self, store, clock)
        self._known = known
        self._fencing = FencingControl(store, known.status)
        self._checking = Checking(settings, known, tls, clock, self._fencing.listed)
        self._settings = settings
        self._tls = tls
        self._clock = clock

    @property
    def fencing(self) -> FencingControl:
        """See `NodeControl.fencing`."""
        return self._fencing

    def node_status(self) -> Json:
        """See `NodeControl.node_status`."""
        return self._known.status()

    def word(self) -> Json:
        """See `NodeControl.word`."""
        return self._known.word()

    async def check_machine(self) -> Json:
        """See `NodeControl.check_machine`."""
        return await self._checking.machine()

    async def check_cluster(self) -> Json:
        """See `NodeControl.check_cluster`."""
        return await self._checking.whole()

    def has_removed(self, node_id: str) -> bool:
        """See `NodeControl.has_removed`."""
        return node_id in self._known.members().removed

    async def invite(self) -> str:
        """See `NodeControl.invite`."""
        if self._inviter is None:
            raise RefusedError(
                "The store of this cluster is run by somebody else: servers join it by hand."
            )
        return (await self._inviter.invite()).encode()

    async def remove_node(self, node_id: str) -> None:
        """See `NodeControl.remove_node`."""
        try:
            await remove_node(
                self._store_of_nodes,
                node_id,
                self._settings.node_id,
                self._known.members().reached,
                self._clock,
            )
        except IdError as problem:
            raise RefusedError(str(problem)) from None

    async def cluster_status(self) -> Json:
        """See `NodeControl.cluster_status`."""
        async with asyncio.TaskGroup() as group:
            fenced = group.create_task(self._fencing.by_node())
            answers = await ask_nodes(self._known.others(), self._tls, self._clock)
        # In a thread: of a thousand cameras it takes longer than heartbeats should wait.
        document = await asyncio.to_thread(
            cluster_status,
            self._known.status(),
            answers,
            self._known.agreed(),
            self._clock.utc_us(),
            fenced.result(),
        )
        return {**document, "fencing": fenced.result()}
