"""This node's own entry in the store: where it is reached, and how much it can take."""

import asyncio
import logging
from random import Random
from typing import Final

from tandem.cluster import keys
from tandem.cluster.model import Link, Node
from tandem.node.settings import NodeSettings
from tandem.node.store.errors import StoreError
from tandem.node.store.model import Put, Transaction, absent, unchanged
from tandem.node.store.protocol import Store

log = logging.getLogger(__name__)

RETRY_S: Final = (0.5, 10.0)
"""First and longest delay before the store is asked again; jittered."""


REMOVED_NODE: Final = (
    "This node was removed from the cluster for good: the others talk to it no more. To use this"
    " server again, move its settings and data away, and let it join under another name."
)


def entry_of(settings: NodeSettings, fingerprint: str) -> Node:
    """What the others are to know of a node.

    Args:
        settings: of the node.
        fingerprint: of its certificate.
    """
    return Node(
        node_id=settings.node_id,
        links=tuple(Link(link.name, link.address) for link in settings.links),
        capacity_mbps=settings.capacity.network_mbps,
        disk_mb_s=settings.capacity.disk_mb_s,
        streams=settings.capacity.streams if settings.volumes else 0,
        zone=settings.zone,
        fingerprint=fingerprint,
    )


async def register(store: Store, node: Node, random: Random) -> None:
    """Write a node's entry, unless it stands there already or was removed; again until it does.

    Args:
        store: where.
        node: the entry.
        random: jitters the retries.
    """
    key, failures = keys.key(keys.NODES, node.node_id), 0
    removal = keys.key(keys.REMOVED, node.node_id)
    while True:
        try:
            if await store.get(removal) is not None:
                log.error("%s", REMOVED_NODE)
                return
            found = await store.get(key)
            if found is not None and found.value == node.encode():
                return
            await store.transact(
                Transaction(
                    compares=(unchanged(key, found.mod_revision if found else 0), absent(removal)),
                    success=(Put(key, node.encode()),),
                )
            )
        except StoreError as problem:
            log.info("this node is not entered in the store yet: %s", problem)
            failures += 1
            longest_s = min(RETRY_S[1], RETRY_S[0] * (1 << min(failures, 10)))
            await asyncio.sleep(longest_s * random.uniform(0.5, 1.0))
