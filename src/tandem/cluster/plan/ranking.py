"""Which of the nodes that can run a bundle is best (rule P5).

Most first:

1. one that has room (where nobody has, the one that is exceeded least)
2. one that runs nothing that the bundle is to be kept apart from; then another zone than that's
3. the one that is preferred most
4. the next in the committed order: it may have begun already
5. one that runs what the bundle is to be near to
6. the one that is least full of what the bundle needs, runs least, and is least full of all else
7. the first by name
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tandem.cluster.plan.bundles import Bundle
from tandem.cluster.plan.reasons import There
from tandem.cluster.plan.room import Room

Key = tuple[float | bool | str, ...]


@dataclass(frozen=True, slots=True)
class Company:
    """What a bundle is to be kept away from, and near to, as nodes.

    Attributes:
        apart: nodes that run what it is kept apart from.
        apart_zones: their zones.
        near: nodes that run what it is near to.
    """

    apart: frozenset[str]
    apart_zones: frozenset[str]
    near: frozenset[str]


def ranked(
    bundle: Bundle,
    candidates: Iterable[str],
    room: Room,
    zone: Mapping[str, str],
    company: Company,
    named: Sequence[str],
    dead: str | None = None,
) -> list[tuple[str, There]]:
    """Put nodes in order, the best first.

    Args:
        bundle: what is to run.
        candidates: nodes that can run it.
        room: that they have.
        zone: of each node.
        company: that it seeks and shuns.
        named: the nodes of the committed order, but for what they are left for.
        dead: a node whose death they are chosen for; None where the bundle is to run now.

    Returns:
        Each with what makes it better than the one behind it, as far as that can be said in short.
    """
    needs, prefers = bundle.needs(), bundle.prefers()
    shunned = company.apart_zones | ({zone[dead]} if dead else frozenset())

    def key(node: str) -> Key:
        fits = room.fits(node, needs, dead)
        load = room.load(node, needs, dead)
        return (
            not fits,
            0.0 if fits else load,
            node in company.apart,
            zone[node] in shunned,
            prefers.index(node) if node in prefers else len(prefers),
            named.index(node) if node in named else len(named),
            node not in company.near,
            load,
            room.count(node),
            room.idle(node),
            node,
        )

    def reason(node: str) -> There:
        if len(keys) == 1:
            return There.ONLY
        if not room.fits(node, needs, dead):
            return There.EXCEEDED
        if dead and zones_differ and zone[node] not in shunned:
            return There.OTHER_ZONE
        if node in prefers:
            return There.PREFERRED
        if node in named:
            return There.HEIR
        return There.NEAR if node in company.near else There.LEAST

    keys = sorted((key(node), node) for node in candidates)
    zones_differ = len({zone[node] in shunned for _, node in keys}) > 1
    return [(node, reason(node)) for _, node in keys]
