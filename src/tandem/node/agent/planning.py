"""How a plan is written to the store. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from tandem.cluster import keys
from tandem.cluster.placement import Plan
from tandem.cluster.plan.planner import Plan as ResourcePlan
from tandem.node.store.model import Delete, Operation, Put, Transaction, unchanged

BATCH: Final = 64
"""Placements of one transaction: half of what etcd takes, and little to write again where somebody
else was faster with one of them."""


def writes(plan: Plan, revisions: Mapping[str, int]) -> Iterator[Transaction]:
    """The transactions that write a plan; each does all of its part or nothing.

    Args:
        plan: what is wanted.
        revisions: of the placements that it was made from, by camera.
    """
    wanted: list[Operation] = [
        Put(keys.key(keys.PLACEMENTS, placement.camera_id), placement.encode())
        for placement in plan.changed
    ]
    wanted += [Delete(keys.key(keys.PLACEMENTS, camera_id)) for camera_id in plan.removed]
    yield from _transactions(keys.PLACEMENTS, wanted, revisions)


def order_writes(plan: ResourcePlan, revisions: Mapping[str, int]) -> Iterator[Transaction]:
    """The same for a plan of resources.

    Args:
        plan: what is wanted.
        revisions: of the orders that it was made from, by resource.
    """
    wanted: list[Operation] = [
        Put(keys.key(keys.ORDERS, name), order.encode()) for name, order in plan.changed.items()
    ]
    wanted += [Delete(keys.key(keys.ORDERS, name)) for name in plan.removed]
    yield from _transactions(keys.ORDERS, wanted, revisions)


def _transactions(
    prefix: str, wanted: Sequence[Operation], revisions: Mapping[str, int]
) -> Iterator[Transaction]:
    for batch in _batches(wanted):
        yield Transaction(
            compares=tuple(
                unchanged(each.key, revisions.get(each.key.removeprefix(prefix), 0))
                for each in batch
            ),
            success=tuple(batch),
        )


def _batches(wanted: Sequence[Operation]) -> Iterator[list[Operation]]:
    rest = iter(wanted)
    while batch := list(islice(rest, BATCH)):
        yield batch
