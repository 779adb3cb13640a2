"""What an operator says of nodes, in the store: drained, in maintenance, as usual."""

from tandem.clock import Clock
from tandem.cluster.intent import Intent
from tandem.cluster.keys import INTENTS, NODES, IdError, key
from tandem.cluster.plan.view import Service
from tandem.node.control.protocol import NotFoundError, RefusedError
from tandem.node.control.writing import MOST_ATTEMPTS, OvertakenError, write
from tandem.node.store.protocol import Store


class ServiceStore:
    """The nodes' part of `NodeControl`.

    Args:
        store: of the cluster.
        clock: of this node.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def set_service(self, node_id: str, service: Service) -> None:
        """See `NodeControl.set_service`."""
        try:
            name = key(INTENTS, node_id)
        except IdError as problem:
            raise RefusedError(str(problem)) from None
        if service is Service.NORMAL:
            wanted = None  # also of a node that has left: its word must not outlive it
        elif await self._store.get(key(NODES, node_id)) is None:
            raise NotFoundError(f"There is no node '{node_id}'. `tandem node list` has them all.")
        else:
            wanted = Intent(service, self._clock.utc_us())
        for _ in range(MOST_ATTEMPTS):
            found = await self._store.get(name)
            now = Intent.decode(node_id, found.value).service if found else Service.NORMAL
            if now is service:
                return
            try:
                await write(
                    self._store,
                    name,
                    wanted.encode() if wanted else None,
                    found.mod_revision if found else 0,
                )
            except OvertakenError:
                continue
            return
        raise RefusedError(
            f"Somebody else changes node '{node_id}' all the time. Look at it, and try again."
        )
