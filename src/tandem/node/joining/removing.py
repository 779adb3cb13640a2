"""Taking a node out of the cluster for good: one transaction, against everything that may change.

Its entry goes, so nobody talks to it and its cameras are placed anew; its removal stays, so its
certificate and its name are refused for ever. Its session ends in the same transaction: whatever
it takes meanwhile would have renewed that.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from tandem.clock import Clock
from tandem.cluster import keys
from tandem.cluster.coordinator import COORDINATOR
from tandem.cluster.exclusive.values import Hold, Owner
from tandem.cluster.joining import Removal
from tandem.cluster.model import Session, SessionState
from tandem.cluster.order import Order
from tandem.node.control.protocol import NotFoundError, RefusedError
from tandem.node.store.model import Compare, Delete, Operation, Put, Transaction, unchanged
from tandem.node.store.protocol import Store

ATTEMPTS: Final = 20


async def remove_node(
    store: Store, node_id: str, own: str, heard: Collection[str], clock: Clock
) -> None:
    """Take a node out; one that was taken out already stays out.

    Args:
        store: of the cluster.
        node_id: whom.
        own: the node that does it; it may take out itself.
        heard: the other nodes that are there.
        clock: says when.

    Raises:
        NotFoundError: there is no such node.
        RefusedError: it is there, or it may still run what must not run twice.
        StoreError: the store does not answer.
    """
    # One that takes out itself goes on renewing its session meanwhile; one that is lost does not.
    for _ in range(ATTEMPTS if node_id == own else 1):
        if await _try_to_remove(store, node_id, own, heard, clock):
            return
    raise RefusedError(f"Node '{node_id}' has done something just now. Look at it, and try again.")


async def _try_to_remove(
    store: Store, node_id: str, own: str, heard: Collection[str], clock: Clock
) -> bool:
    """Take a node out as it stands now; False: something has changed meanwhile."""
    entry = keys.key(keys.NODES, node_id)
    found = await store.get(entry)
    removal = keys.key(keys.REMOVED, node_id)
    if found is None:
        if await store.get(removal) is not None:
            return True
        raise NotFoundError(f"There is no node '{node_id}'. `tandem node list` has them all.")
    if node_id != own and node_id in heard:
        raise RefusedError(
            f"Node '{node_id}' is there. Run `tandem leave` on it; `tandem node remove` is for one"
            " that is lost for good."
        )
    if node_id == own and len((await store.range(keys.NODES)).entries) == 1:
        raise RefusedError("This is the only node: there is nobody to leave to.")
    compares: list[Compare] = [unchanged(entry, found.mod_revision)]
    writes: list[Operation] = [
        Delete(entry),
        Put(removal, Removal(node_id, clock.utc_us()).encode()),
        Delete(keys.key(keys.INTENTS, node_id)),
    ]
    place = keys.key(keys.SESSIONS, node_id)
    stored = await store.get(place)
    session = Session.decode(node_id, stored.value) if stored else None
    if session is None or session.state is not SessionState.OFF:
        await _refuse_owner(store, node_id, session)
    for key, revision, value in await _seat(store, node_id):
        compares.append(unchanged(key, revision))
        writes.append(Put(key, value))
    if stored and session and session.is_live:
        ended = replace(session, epoch=session.epoch + 1, state=SessionState.EVICTED)
        writes.append(Put(place, ended.encode()))
    compares.append(unchanged(place, stored.mod_revision if stored else 0))
    return (await store.transact(Transaction(tuple(compares), tuple(writes)))).succeeded


async def _seat(store: Store, node_id: str) -> list[tuple[str, int, bytes]]:
    """What has to be written so that a node is the coordinator no more, nor will be.

    Whatever a coordinator writes compares the revision of its take, so it can be taken from it.
    """
    changes = []
    owned = keys.key(keys.OWNERS, COORDINATOR)
    found = await store.get(owned)
    if found is not None:
        owner = Owner.decode(COORDINATOR, found.value)
        if owner.node_id == node_id and owner.hold is Hold.HELD:
            released = replace(owner, hold=Hold.RELEASED)
            changes.append((owned, found.mod_revision, released.encode()))
    ordered = keys.key(keys.ORDERS, COORDINATOR)
    found = await store.get(ordered)
    if found is not None:
        order = Order.decode(COORDINATOR, found.value)
        if node_id in order.nodes:
            left = tuple(it for it in order.nodes if it != node_id)
            without = replace(order, nodes=left, generation=order.generation + 1)
            changes.append((ordered, found.mod_revision, without.encode()))
    return changes


async def _refuse_owner(store: Store, node_id: str, session: Session | None) -> None:
    """A node that may still run something exclusive has to be known to be off first."""
    for key, entry in (await store.range(keys.OWNERS)).entries.items():
        resource = keys.identity(keys.OWNERS, key)
        owner = Owner.decode(resource, entry.value)
        if owner.node_id != node_id or owner.hold is not Hold.HELD or resource == COORDINATOR:
            continue
        if session is not None and session.begun_epoch > owner.epoch:
            continue
        raise RefusedError(
            f"Node '{node_id}' may still run '{resource}', which must not run twice. Move it away;"
            " if the node is lost, see to it that it is off, and confirm that first."
        )
