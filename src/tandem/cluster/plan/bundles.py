"""What has to be on one node, and what has to run before what.

A bundle is what groups and `together` tie to one node, directly or through others. A need is what
must run before something else: what it is `after`, and what comes before it in its group.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tandem.cluster.plan.resource import Resource


@dataclass(frozen=True, slots=True)
class Bundle:
    """Resources that are on one node.

    Attributes:
        members: in the order in which they start.
    """

    members: tuple[Resource, ...]

    @property
    def name(self) -> str:
        """Of its first member by name."""
        return min(member.resource_id for member in self.members)

    @property
    def overcommits(self) -> bool:
        """Whether all of it may run where there is no room."""
        return all(member.overcommit for member in self.members)

    @property
    def is_exclusive(self) -> bool:
        """Whether any of it has an owner, so that a move interrupts it."""
        return any(member.mode.is_exclusive for member in self.members)

    def needs(self) -> dict[str, int]:
        """What all of it takes together, by the name of what."""
        found: dict[str, int] = {}
        for member in self.members:
            for name, amount in member.needs.items():
                found[name] = found.get(name, 0) + amount
        return found

    def prefers(self) -> tuple[str, ...]:
        """The nodes that the first of its members that prefers any prefers."""
        return next((member.prefers for member in self.members if member.prefers), ())

    def near(self) -> set[str]:
        """The resources it is put near to."""
        return {name for member in self.members for name in member.near}

    def without(self, resource_id: str) -> "Bundle":
        """The same, one of its members left out."""
        return Bundle(tuple(it for it in self.members if it.resource_id != resource_id))


class Precedence:
    """What must run before what.

    Args:
        resources: all, by id.

    Attributes:
        needs: of each resource, by id, what must run before it.
        sorted: all ids, each after what it needs; ties by name.
        circles: needs that are not kept since they would close a circle: who needs whom.
    """

    def __init__(self, resources: Mapping[str, Resource]) -> None:
        self.needs: dict[str, tuple[str, ...]] = {}
        self.sorted: list[str] = []
        self.circles: list[tuple[str, str]] = []
        wanted = _needs(resources)
        for name in sorted(resources):
            self._visit(name, wanted)

    def _visit(self, start: str, wanted: Mapping[str, Sequence[str]]) -> None:
        """Depth first, by hand: a chain may be longer than Python's stack is deep."""
        path: dict[str, list[str]] = {}
        if start not in self.needs:
            path[start] = list(wanted[start])
        while path:
            name, rest = next(reversed(path.items()))
            while rest and (rest[0] in self.needs or rest[0] in path):
                if rest[0] in path:
                    self.circles.append((name, rest[0]))
                rest.pop(0)
            if rest:
                path[rest[0]] = list(wanted[rest[0]])
                continue
            cut = {needed for who, needed in self.circles if who == name}
            self.needs[name] = tuple(it for it in wanted[name] if it not in cut)
            self.sorted.append(name)
            del path[name]


def _needs(resources: Mapping[str, Resource]) -> dict[str, list[str]]:
    found = {name: set(it.after) & set(resources) - {name} for name, it in resources.items()}
    for group in _groups(resources.values()).values():
        for before, then in pairwise(group):
            found[then].add(before)
    return {name: sorted(needed) for name, needed in found.items()}


def _groups(resources: Iterable[Resource]) -> dict[str, list[str]]:
    places = sorted((it.group, it.group_place, it.resource_id) for it in resources if it.group)
    found: dict[str, list[str]] = {}
    for group, _, name in places:
        found.setdefault(group, []).append(name)
    return found


def bundles(resources: Mapping[str, Resource], order: Precedence) -> list[Bundle]:
    """Tie together what has to be on one node.

    Args:
        resources: those that are to run, by id.
        order: of these and others.

    Returns:
        In the order of their names.
    """
    ties = [
        (name, other)
        for name, it in resources.items()
        for other in it.together
        if other in resources
    ]
    for group in _groups(resources.values()).values():
        ties += [(group[0], other) for other in group[1:]]
    members: dict[str, list[Resource]] = {}
    parts = tied(resources, ties)
    for name in order.sorted:
        if name in resources:
            members.setdefault(parts[name], []).append(resources[name])
    return sorted((Bundle(tuple(it)) for it in members.values()), key=lambda it: it.name)


def tied(names: Iterable[str], ties: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Which of some things are tied together, directly or through others.

    Returns:
        For each the first by name of those that it is tied to, itself included.
    """
    parent = {name: name for name in names}

    def first(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for one, other in ties:
        low, high = sorted((first(one), first(other)))
        parent[high] = low
    return {name: first(name) for name in parent}
