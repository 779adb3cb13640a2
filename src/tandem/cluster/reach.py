"""Which nodes have lost a network that a resource serves, judged beside the others.

Heartbeats say that a node lives. They go by networks of their own, so they say nothing of the one
where users are. So each node looks itself at what a resource needs there, an interface and perhaps
addresses beyond it, and its word is compared with the others':

    unfit = the nodes that do not reach it, as long as some other node does

Where nobody reaches it, the fault is the network's, or the gateway's that was asked: giving up
would serve nobody, and each move costs an outage. So then nobody gives anything up.

A look that fails once is a lost packet. A word changes after `LOST_AFTER` looks in a row without an
answer, and back after `BACK_AFTER` with one: what has moved away from a network that comes and goes
stays away.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

LOST_AFTER: Final = 3
BACK_AFTER: Final = 10


@dataclass(frozen=True, slots=True)
class Sight:
    """One node's own view of what a resource needs.

    Attributes:
        is_lost: its word.
        against: looks in a row that said otherwise.
    """

    is_lost: bool = False
    against: int = 0


def looked(sight: Sight, *, is_there: bool) -> Sight:
    """Take in one look; they are made at even intervals."""
    if is_there is not sight.is_lost:
        return replace(sight, against=0)
    against = sight.against + 1
    if against >= (BACK_AFTER if sight.is_lost else LOST_AFTER):
        return Sight(is_lost=not sight.is_lost)
    return replace(sight, against=against)


def unfit(lost: Mapping[str, bool | None]) -> frozenset[str]:
    """Which nodes should not serve what needs this network.

    Args:
        lost: by node: whether it has lost it, by its own word; None: it says nothing, since it is
            down, or was not asked: it proves neither.

    Returns:
        Those that have lost it; none, unless some node has not.
    """
    if not any(word is False for word in lost.values()):
        return frozenset()
    return frozenset(node_id for node_id, word in lost.items() if word)
