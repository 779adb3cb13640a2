"""When nothing may move by itself (rule P8).

An automatic move that does not help is likely to be made again, and each one is an outage. So

- a resource that moved `MOST_MOVES` times in a row without an operator's word, each time within
  `IN_A_ROW_US` of the one before, is held where it is, and has no successor until the first of
  these moves is `MOVES_WITHIN_US` ago: after so many nodes it is more likely what kills them than
  what they die of. Faults that are further apart, such as those of somebody who tries out what
  happens when a plug is pulled, are no such sign: whoever dies then is followed;
- while many nodes come and go together, or the store's leader changes often, orders stay as they
  are committed. They name successors, so whoever dies is followed all the same.

What an operator asks for is never braked, but for a wish from before the last automatic move; and
where it moved something, that is counted anew.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from tandem.cluster.model import SECOND_US
from tandem.cluster.order import Order
from tandem.cluster.plan.view import View

MOST_MOVES: Final = 4
"""Three nodes may die one after the other, and one more move brings it back."""

IN_A_ROW_US: Final = 120 * SECOND_US
"""A server that boots, and is hurt again, takes longer than this as a rule."""

MOVES_WITHIN_US: Final = 600 * SECOND_US

UNREST_WITHIN_US: Final = 60 * SECOND_US

MOST_LEADER_CHANGES: Final = 3
"""Within `UNREST_WITHIN_US`; one death costs one change, or two with a split vote."""


def many(nodes: int) -> int:
    """How many nodes that change within `UNREST_WITHIN_US` are too many: a third, two at least."""
    return max(2, -(-nodes // 3))


def unrest(view: View) -> str:
    """Why nothing moves by itself now, as a clause; empty where it may."""
    changed = {it.node_id for it in view.node_changes if view.is_recent(it.at_us, UNREST_WITHIN_US)}
    if len(changed) >= many(len(view.members)):
        return f"{len(changed)} of {len(view.members)} nodes came or went within a minute"
    count = sum(view.is_recent(at_us, UNREST_WITHIN_US) for at_us in view.leader_changes_us)
    if count > MOST_LEADER_CHANGES:
        return f"the store's leader changed {count} times within a minute"
    return ""


def calm_us(view: View) -> int | None:
    """When `unrest` may have changed; None where time alone changes nothing."""
    instants = [it.at_us for it in view.node_changes] + list(view.leader_changes_us)
    ends = [
        at_us + UNREST_WITHIN_US for at_us in instants if view.is_recent(at_us, UNREST_WITHIN_US)
    ]
    return min(ends, default=None)


def recent_moves(view: View, orders: Iterable[Order]) -> tuple[int, ...]:
    """When what moves together last moved by itself, the oldest first; only what still counts."""
    found = [order.moved_us for order in orders]
    longest = max(found, key=lambda it: (len(it), it), default=())
    return tuple(at_us for at_us in longest if view.is_recent(at_us, MOVES_WITHIN_US))


def is_held(moves: tuple[int, ...]) -> bool:
    """Whether something has moved as often in a row as it may."""
    last = moves[-MOST_MOVES:]
    return len(last) == MOST_MOVES and all(
        later - earlier <= IN_A_ROW_US for earlier, later in pairwise(last)
    )
