"""How full nodes are with what is planned, and would be if another died.

Network and disk are shared with the cameras and counted as they are, by `load`. Whatever else is
needed (memory, licences) has a name, and a node's room for it is what its settings say.
"""

from collections.abc import Iterable, Mapping

from tandem.cluster.load import Cost, Loads
from tandem.cluster.plan.resource import NETWORK_AND_DISK
from tandem.cluster.plan.view import Member

Needs = Mapping[str, int]


class Room:
    """Nodes, and what they have to carry.

    Args:
        members: the nodes.
    """

    def __init__(self, members: Iterable[Member]) -> None:
        self._members = {member.node_id: member for member in members}
        self._loads = Loads.of(member.node for member in self._members.values())
        for node_id, member in self._members.items():
            self._loads.record(node_id, member.recording)
        self._used: dict[str, dict[str, int]] = {node_id: {} for node_id in self._members}
        self._standby: dict[tuple[str, str], dict[str, int]] = {}
        self._count = dict.fromkeys(self._members, 0)

    def take(self, node_id: str, needs: Needs) -> None:
        """Plan something onto a node."""
        self._loads.record(node_id, _cost(needs))
        _add(self._used[node_id], needs, 1)
        self._count[node_id] += 1

    def leave(self, node_id: str, needs: Needs) -> None:
        """Plan it away again."""
        self._loads.release(node_id, _cost(needs))
        _add(self._used[node_id], needs, -1)
        self._count[node_id] -= 1

    def stand_by(self, dead: str, node_id: str, needs: Needs) -> None:
        """A node would take it if another died."""
        self._loads.stand_by(dead, node_id, _cost(needs))
        _add(self._standby.setdefault((dead, node_id), {}), needs, 1)

    def count(self, node_id: str) -> int:
        """How many bundles are planned onto a node."""
        return self._count[node_id]

    def fits(self, node_id: str, needs: Needs, dead: str | None = None) -> bool:
        """Whether a node has room, also if another has died."""
        return all(
            amount == 0 or self._share(node_id, name, amount, dead) <= 1
            for name, amount in needs.items()
        )

    def load(self, node_id: str, needs: Needs, dead: str | None = None) -> float:
        """How full a node would be of what is needed; above 1 it is overcommitted."""
        return max(
            (self._share(node_id, name, amount, dead) for name, amount in needs.items()),
            default=0.0,
        )

    def idle(self, node_id: str) -> float:
        """How full a node is of what the cameras and all else share."""
        return self._loads.load(node_id)

    def exceeded(self, node_id: str) -> list[tuple[str, float]]:
        """Of what a node has not enough, with how full it is of that."""
        return [
            ("network and disk" if name == NETWORK_AND_DISK else name, share)
            for name, used in sorted(self._used[node_id].items())
            if used and (share := self._share(node_id, name, 0, None)) > 1
        ]

    def _share(self, node_id: str, name: str, amount: int, dead: str | None) -> float:
        if name == NETWORK_AND_DISK:
            more = Cost(amount, 0)
            if dead is None:
                return self._loads.load(node_id, more)
            return self._loads.load_without(dead, node_id, more)
        limit = self._members[node_id].room.get(name)
        if limit is None:
            return 0.0
        standby = self._standby.get((dead, node_id), {}) if dead else {}
        used = self._used[node_id].get(name, 0) + standby.get(name, 0)
        return (used + amount) / max(1, limit)


def _cost(needs: Needs) -> Cost:
    return Cost(needs.get(NETWORK_AND_DISK, 0), 0)


def _add(sums: dict[str, int], needs: Needs, sign: int) -> None:
    for name, amount in needs.items():
        sums[name] = sums.get(name, 0) + sign * amount
