"""This node among those that may be the coordinator: entered in its order, by itself."""

import asyncio
import logging
from random import Random
from typing import Final

from tandem.cluster import keys
from tandem.cluster.coordinator import COORDINATOR, order_with
from tandem.cluster.document import StoredValueError
from tandem.cluster.order import Order
from tandem.node.store.errors import StoreError
from tandem.node.store.model import Put, Transaction, absent, unchanged
from tandem.node.store.protocol import Store

log = logging.getLogger(__name__)

KEY: Final = keys.key(keys.ORDERS, COORDINATOR)

AGAIN_S: Final = 0.5
LOOK_S: Final = 30.0
"""How often it is looked whether this node still is in the order."""


class Candidacy:
    """Enters this node, and sees to it that it stays entered.

    Args:
        node_id: this node.
        store: where.
        random: jitters.
    """

    def __init__(self, node_id: str, store: Store, random: Random) -> None:
        self._node_id, self._store, self._random = node_id, store, random
        self._problem = ""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                is_entered = await self.enter()
                self._problem = ""
            except (StoreError, StoredValueError) as problem:
                is_entered = False
                if str(problem) != self._problem:
                    log.info("this node is not entered as coordinator yet: %s", problem)
                self._problem = str(problem)
            delay_s = LOOK_S if is_entered else AGAIN_S
            await asyncio.sleep(delay_s * self._random.uniform(0.5, 1.0))

    async def enter(self) -> bool:
        """Enter this node, if it is not; False: somebody else wrote at the same time.

        Raises:
            StoreError: the store does not answer.
            StoredValueError: what stands there is not for this release.
        """
        found = await self._store.get(KEY)
        order = order_with(Order.decode(COORDINATOR, found.value) if found else None, self._node_id)
        if order is None:
            return True
        outcome = await self._store.transact(
            Transaction(
                compares=(
                    unchanged(KEY, found.mod_revision if found else 0),
                    absent(keys.key(keys.REMOVED, self._node_id)),
                ),
                success=(Put(KEY, order.encode()),),
            )
        )
        return outcome.succeeded
