"""Which nodes are gone, and not expected back within seconds: by their sessions. Pure.

A node counts as down for the placement when its session has not moved for `DOWN_AFTER_US` *and*
this node suspects it. A session that stands still while its node is heard is the store's trouble; a
node that is suspected while its session moves is the links'. Neither is a reason to move cameras.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from tandem.cluster.model import Session

DOWN_AFTER_US: Final = 60_000_000
"""A server that restarts is back by then, or nearly. Until then others stand in and nothing is
lost; each camera that moves costs a window of healing, so this is not done in haste."""


@dataclass(slots=True)
class Presence:
    """When the session of each node moved last, on this node's clock.

    Attributes:
        moved_us: CLOCK_BOOTTIME; a node that was never seen to move counts from its first sight.
    """

    moved_us: dict[str, int] = field(default_factory=dict)
    _seen: dict[str, Session | None] = field(default_factory=dict)

    def look(self, nodes: Iterable[str], sessions: Mapping[str, Session], now_us: int) -> None:
        """Take note of what the store shows.

        Args:
            nodes: all that belong to the cluster.
            sessions: as they stand, by node.
            now_us: CLOCK_BOOTTIME.
        """
        for node in nodes:
            session = sessions.get(node)
            if node not in self._seen or self._seen[node] != session:
                self._seen[node] = session
                self.moved_us[node] = now_us

    def down(self, suspected: Collection[str], now_us: int) -> frozenset[str]:
        """The nodes that are gone.

        Args:
            suspected: the nodes that this node suspects.
            now_us: CLOCK_BOOTTIME.
        """
        return frozenset(
            node
            for node, moved_us in self.moved_us.items()
            if node in suspected and now_us - moved_us >= DOWN_AFTER_US
        )
