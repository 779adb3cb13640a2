"""Where each resource runs: the plan (docs/design/plan.md has the rules, by number)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tandem.cluster.order import Mode, Order
from tandem.cluster.plan.brake import MOST_MOVES, MOVES_WITHIN_US, calm_us, is_held
from tandem.cluster.plan.making import Making
from tandem.cluster.plan.ranking import ranked
from tandem.cluster.plan.reasons import (
    Cause,
    Choice,
    Circle,
    Concern,
    Exceeded,
    Moves,
    Place,
    Runs,
    Stopped,
    There,
    Unfollowed,
    Unknown,
    Unproven,
    Unrest,
    Verdict,
    Waits,
)
from tandem.cluster.plan.resource import Resource
from tandem.cluster.plan.seats import Seat
from tandem.cluster.plan.site import Site
from tandem.cluster.plan.steps import Step, steps
from tandem.cluster.plan.view import View

SUCCESSORS: Final = 2
"""How many nodes follow: as with cameras (`placement.FOLLOWERS`), one for any single death, and one
while the first is away for an update."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Where everything is to run, and why.

    Attributes:
        orders: by resource; the generation has grown where the nodes or the mode have changed.
        changed: those of them that differ from what is committed: to be written.
        removed: resources whose order is to go, since they are defined and run no more.
        steps: who starts and stops what; each stands behind those that it waits for.
        verdicts: by resource, what becomes of it.
        why: by resource, a choice for each node of its order.
        concerns: what the administrator should know.
        again_us: when the passing of time alone may change the plan; None: never.
    """

    orders: Mapping[str, Order]
    changed: Mapping[str, Order]
    removed: tuple[str, ...]
    steps: tuple[Step, ...]
    verdicts: Mapping[str, Verdict]
    why: Mapping[str, tuple[Choice, ...]]
    concerns: tuple[Concern, ...]
    again_us: int | None

    def of(self, node_id: str) -> tuple[Step, ...]:
        """The part of one node, in its order."""
        return tuple(step for step in self.steps if step.node_id == node_id)


def plan(view: View, wanted: Iterable[Resource]) -> Plan:
    """Plan where every resource runs.

    Args:
        view: what is there.
        wanted: the resources, in any order.

    Returns:
        The same for the same input, whatever its order; and once it is carried out, planned again,
        it does not change.
    """
    site = Site(view, wanted)
    making = Making(site)
    making.decide()
    outcome = _Outcome(site, making)
    return outcome.plan()


class _Outcome:
    """What is made of the decisions: orders, steps, sentences."""

    def __init__(self, site: Site, making: Making) -> None:
        self._site, self._making = site, making
        self._unmet = making.unmet()
        self._orders: dict[str, Order] = {}
        self._verdicts: dict[str, Verdict] = {}
        self._why: dict[str, tuple[Choice, ...]] = {}
        self._unfollowed: dict[str, list[str]] = {}

    def plan(self) -> Plan:
        """All of it."""
        site, making = self._site, self._making
        for name, because in making.stopped.items():
            self._verdicts[name] = Stopped(name, because)
            self._order(name, site.resources[name].mode, ())
        for seat in making.seats:
            self._conclude(seat)
        removed = self._remove()
        orders = {name: self._orders[name] for name in sorted(self._orders)}
        committed = site.view.orders
        targets = {
            name: verdict.node_id
            for name, verdict in self._verdicts.items()
            if isinstance(verdict, Runs | Moves)
        }
        return Plan(
            orders=orders,
            changed={name: it for name, it in orders.items() if committed.get(name) != it},
            removed=removed,
            steps=steps(site, targets),
            verdicts={name: self._verdicts[name] for name in sorted(self._verdicts)},
            why={name: self._why[name] for name in sorted(self._why)},
            concerns=tuple(self._concerns()),
            again_us=self._again_us(),
        )

    # --- One bundle ------------------------------------------------------------------------------

    def _conclude(self, seat: Seat) -> None:
        for member in seat.bundle.members:
            self._verdicts[member.resource_id] = self._verdict(seat, member.resource_id)
        nodes, choices = self._nodes(seat)
        for member in seat.bundle.members:
            name = member.resource_id
            moved = self._moved(seat, name) if nodes[:1] == (seat.target,) else None
            self._order(name, member.mode, nodes, moved)
            self._why[name] = choices
            is_running = isinstance(self._verdicts[name], Runs | Moves)
            if is_running and len(nodes) == 1 and not self._is_held(seat):
                self._unfollowed.setdefault(nodes[0], []).append(name)

    def _moved(self, seat: Seat, name: str) -> Cause | None:
        """Why a resource is to be somewhere else than its order says; None if it is not."""
        before = self._site.view.orders.get(name)
        if self._returns(seat, name):
            return Cause.STRAYED
        if seat.target is None or before is None or before.head in {None, seat.target}:
            return None
        if seat.cause:
            return seat.cause
        if seat.target in [it.node_id for it in self._site.running(name)]:
            return Cause.TAKEN_OVER
        return Cause.GATHERED if self._site.is_alive(before.nodes[0]) else Cause.DOWN

    def _astray(self, seat: Seat, name: str) -> str:
        """The node that took a resource by its present order, though it is to be on another one.

        It was quicker than the first of the order, or took it while that one could not; it keeps
        it until a later order says where it is to be. Empty: there is none.
        """
        before = self._site.view.orders.get(name)
        if seat.target is None or before is None or not before.mode.is_exclusive:
            return ""
        if before.head != seat.target:
            return ""
        for it in self._site.running(name):
            is_kept = it.generation >= before.generation and self._site.is_alive(it.node_id)
            if is_kept and it.node_id != seat.target:
                return it.node_id
        return ""

    def _returns(self, seat: Seat, name: str) -> bool:
        """Whether what is astray is fetched: not if that takes the bundle its successors (P8)."""
        site = self._site
        if not self._astray(seat, name) or is_held((*site.moves(seat.bundle), site.view.now_us)):
            return False
        return not site.unrest or site.wish(seat.bundle) is not None

    def _verdict(self, seat: Seat, name: str) -> Verdict:
        if seat.target is None:
            return Waits(name, seat.waits)
        if unmet := self._unmet.get(name):
            return Waits(name, (unmet,))
        cause = self._moved(seat, name)
        if cause is None:
            moves = self._site.moves(seat.bundle)
            often = self._site.braked(seat.bundle) if is_held(moves) else ""
            if astray := self._astray(seat, name):
                often = self._site.unrest or "it has moved too often"
                return Runs(name, astray, f"it is to be on {seat.target}, but {often}")
            return Runs(name, seat.target, seat.held or often)
        head = self._site.view.orders[name].nodes[0]
        if cause is Cause.STRAYED:
            astray = self._astray(seat, name)
            because = f"it is to be on {seat.target}, and {astray} has taken it"
            return Moves(name, astray, seat.target, cause, because)
        plain = {
            Cause.TAKEN_OVER: f"{seat.target} runs it already",
            Cause.GATHERED: f"what it has to be together with is on {seat.target}",
            Cause.DOWN: f"{head} is not there",
        }
        return Moves(name, head, seat.target, cause, seat.because or plain[cause])

    def _nodes(self, seat: Seat) -> tuple[tuple[str, ...], tuple[Choice, ...]]:
        """Where a bundle is to run, and who follows."""
        target = seat.target
        if target is None:
            return seat.kept, ()
        first = Choice(target, Place.RUNS, seat.there)
        if self._is_held(seat):
            return (target,), (first,)
        making, site = self._making, self._site
        committed = site.order_of(seat.bundle)
        named = committed.nodes if committed else ()
        if site.unrest and target in named:
            living = next(it for it in named if it in seat.usable or it == target)
            if living == target:
                kept = (Choice(it, Place.FOLLOWS, There.KEPT) for it in named if it != target)
                return named, tuple(sorted((first, *kept), key=lambda it: named.index(it.node_id)))
        needs, company = seat.bundle.needs(), making.company(seat.bundle)
        candidates = [
            it
            for it in making.candidates(seat)
            if seat.bundle.overcommits or making.room.fits(it, needs, target)
        ]
        found = ranked(seat.bundle, candidates, making.room, making.zone, company, named, target)
        followers = found[:SUCCESSORS]
        if followers:
            making.room.stand_by(target, followers[0][0], needs)
        choices = (first, *(Choice(node, Place.FOLLOWS, there) for node, there in followers))
        return tuple(it.node_id for it in choices), choices

    def _is_held(self, seat: Seat) -> bool:
        moves = self._site.moves(seat.bundle)
        causes = [self._moved(seat, it.resource_id) for it in seat.bundle.members]
        if Cause.WISHED in causes:
            return False
        if any(it and it.is_automatic for it in causes):
            moves = (*moves, self._site.view.now_us)
        return is_held(moves)

    def _order(
        self, name: str, mode: Mode, nodes: tuple[str, ...], moved: Cause | None = None
    ) -> None:
        before = self._site.view.orders.get(name)
        if before is None:
            self._orders[name] = Order(nodes, 1, mode)
            return
        is_same = (before.nodes, before.mode) == (nodes, mode) and moved is not Cause.STRAYED
        moved_us = before.moved_us
        if moved and moved.is_automatic:
            moved_us = (*moved_us, self._site.view.now_us)[-MOST_MOVES:]
        if moved is Cause.WISHED:
            moved_us = ()
        self._orders[name] = Order(nodes, before.generation + (not is_same), mode, moved_us)

    def _remove(self) -> tuple[str, ...]:
        """The order of what is defined no more goes as soon as it runs nowhere."""
        view, gone = self._site.view, []
        for name in sorted(set(view.orders) - set(self._site.resources)):
            if self._site.running(name):
                self._order(name, view.orders[name].mode, ())
            else:
                gone.append(name)
        return tuple(gone)

    # --- All together ----------------------------------------------------------------------------

    def _concerns(self) -> list[Concern]:
        site, making = self._site, self._making
        found: list[Concern] = [Unrest(site.unrest)] if site.unrest else []
        found += [Circle(*it) for it in site.precedence.circles]
        for name, it in site.resources.items():
            named = {*it.after, *it.together, *it.never_together, *it.near, *it.apart}
            found += [Unknown(name, other) for other in sorted(named - set(site.resources))]
        found += making.concerns
        unproven = {(it.resource_id, it.node_id) for it in site.failures.unproven()}
        found += [Unproven(*it) for it in sorted(unproven)]
        for node_id in site.members:
            found += [Exceeded(node_id, *it) for it in making.room.exceeded(node_id)]
        if len(site.members) > 1:
            found += [
                Unfollowed(node_id, tuple(sorted(names)))
                for node_id, names in sorted(self._unfollowed.items())
            ]
        return found

    def _again_us(self) -> int | None:
        site, view = self._site, self._site.view
        found = list(site.failures.until_us)
        found += [it.until_us for it in view.wishes.values() if it.until_us > view.now_us]
        for seat in self._making.seats:
            is_astray = any(self._astray(seat, it.resource_id) for it in seat.bundle.members)
            if self._is_held(seat) or is_astray:
                moves = (*site.moves(seat.bundle), view.now_us)
                found.append(moves[0] + MOVES_WITHIN_US)
        calm = calm_us(view)
        found += [calm] if calm is not None and site.unrest else []
        return min(found, default=None)
