"""The coordinator: the node that holds the exclusive resource of this name, and so plans.

Each plan's transactions compare the revision of its take, which grows from holder to holder: a
fencing token. So it harms nobody that it is `soft`, and two nodes may take themselves for it for a
moment; and it is there again as soon as a majority suspects the last one.
"""

from dataclasses import replace
from typing import Final

from tandem.cluster.order import Mode, Order

COORDINATOR: Final = "coordinator"
"""Its name among the resources. It has no definition: there is nothing to start."""


def order_with(order: Order | None, node_id: str) -> Order | None:
    """The coordinator's order with this node in it; None if it is in it already.

    Each node enters itself, at the end: so it needs no coordinator to come about. It moves nothing.

    Args:
        order: as it stands; None: nowhere yet.
        node_id: this node.
    """
    if order is None:
        return Order((node_id,), 1, Mode.SOFT)
    if node_id in order.nodes:
        return None
    return replace(order, nodes=(*order.nodes, node_id), generation=order.generation + 1)
