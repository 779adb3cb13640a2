"""A plan in the making: for each bundle the node where it is, and the one where it should be."""

from dataclasses import dataclass

from tandem.cluster.plan.bundles import Bundle
from tandem.cluster.plan.obstacles import away
from tandem.cluster.plan.reasons import Cause, There
from tandem.cluster.plan.site import Site
from tandem.cluster.plan.view import Service


@dataclass(slots=True)
class Seat:
    """Where a bundle is, and where it should be.

    Attributes:
        bundle: the bundle.
        now: where it runs; where it does not, where it was to run, or ran last. None: nowhere.
        usable: the nodes that are there and can run it: those that are open, and `now` if that is
            only being drained.
        target: where it should be.
        there: why there.
        cause: why it leaves `now`.
        because: the same, as a clause.
        held: why it stays though something speaks for a move.
        waits: why it does not run, as clauses, where it has no target.
        kept: the nodes of its order while it waits.
    """

    bundle: Bundle
    now: str | None
    usable: tuple[str, ...]
    target: str | None = None
    there: There = There.RUNS_THERE
    cause: Cause | None = None
    because: str = ""
    held: str = ""
    waits: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    def leave(self, cause: Cause, because: str) -> None:
        """It has to go."""
        self.cause, self.because = cause, because

    def stay(self, held: str = "") -> None:
        """It does not go."""
        self.target, self.there, self.held = self.now, There.RUNS_THERE, held
        self.cause, self.because = None, ""


def take_seats(site: Site, bundle: Bundle) -> tuple[list[Seat], dict[str, tuple[str, ...]]]:
    """Find where a bundle is, and who can run it.

    Members that no node can run together with the others are left out, the last first: what needs
    them waits, and what they need runs on.

    Returns:
        Its seat, if any of it can run; and, by resource, why it is left out.
    """
    dropped: dict[str, tuple[str, ...]] = {}
    for member in bundle.members:
        alone = Bundle((member,))
        if not _able(site, alone, ignores_away=True):
            dropped[member.resource_id] = site.refusals(alone)
            bundle = bundle.without(member.resource_id)
    rest, left = bundle, dict(dropped)
    while rest.members:
        now = _now(site, rest)
        usable = _usable(site, rest, now)
        if usable:
            return [Seat(rest, now, usable)], left
        last = rest.members[-1]
        left[last.resource_id] = site.refusals(rest)
        rest = rest.without(last.resource_id)
    if not bundle.members:
        return [], dropped
    return [_waiting(site, bundle)], dropped


def _waiting(site: Site, bundle: Bundle) -> Seat:
    """Nobody who is there can run any of it."""
    seat = Seat(bundle, _now(site, bundle), (), waits=site.refusals(bundle))
    able = _able(site, bundle, ignores_away=True)
    back = [it for it in able if site.service(it) is Service.NORMAL]
    committed = site.order_of(bundle)
    named = committed.nodes if committed else ()
    kept = [it for it in named if it in back]
    seat.kept = tuple(kept or back[:1])
    return seat


def _able(site: Site, bundle: Bundle, *, ignores_away: bool) -> list[str]:
    return [
        node_id
        for node_id, member in site.members.items()
        if not site.unfit(bundle, node_id) and (ignores_away or not away(member))
    ]


def _usable(site: Site, bundle: Bundle, now: str | None) -> tuple[str, ...]:
    found = _able(site, bundle, ignores_away=False)
    if now is not None and now not in found and _may_stay(site, bundle, now):
        found = sorted([*found, now])
    return tuple(found)


def _may_stay(site: Site, bundle: Bundle, now: str) -> bool:
    """What runs on a node that is being drained may; so may, while nothing moves, what failed."""
    if not site.is_alive(now) or site.service(now) is Service.MAINTENANCE:
        return False
    if site.braked(bundle):
        return site.lacking(bundle, now) is None
    return site.unfit(bundle, now) is None


def _now(site: Site, bundle: Bundle) -> str | None:
    """Where a bundle is.

    On the node of its order, if a move there is under way; else where most of it runs; else where
    it was to run, or ran last.
    """
    committed = site.order_of(bundle)
    head = committed.head if committed and committed.head in site.members else None
    living: dict[str, int] = {}
    last: str | None = None
    for member in bundle.members:
        order = site.view.orders.get(member.resource_id)
        for found in site.running(member.resource_id):
            if not site.is_alive(found.node_id):
                last = last or found.node_id
                continue
            is_leaving = order is not None and found.generation < order.generation
            if is_leaving and head and site.is_alive(head):
                return head
            living[found.node_id] = living.get(found.node_id, 0) + 1
    if living:
        return min(living, key=lambda it: (-living[it], it != head, it))
    return head or last
