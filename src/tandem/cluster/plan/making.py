"""Where each bundle should be, in the order in which that is decided (rules P3 to P8)."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from tandem.cluster.plan.brake import is_held
from tandem.cluster.plan.bundles import Bundle, bundles, tied
from tandem.cluster.plan.obstacles import away, times
from tandem.cluster.plan.ranking import Company, ranked
from tandem.cluster.plan.reasons import Cause, Concern, Refused, There
from tandem.cluster.plan.room import Room
from tandem.cluster.plan.seats import Seat, take_seats
from tandem.cluster.plan.site import Site
from tandem.cluster.plan.view import Service


class Making:
    """A plan in the making.

    Args:
        site: what it is made from.

    Attributes:
        seats: of all bundles that can run anywhere.
        stopped: by resource, why it is to run nowhere, as clauses.
        room: how full nodes are.
        zone: of each node; one without a zone is one by itself.
        concerns: what the administrator should know.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self.seats: list[Seat] = []
        self.stopped: dict[str, tuple[str, ...]] = {}
        self.room = Room(site.members.values())
        self.zone = {
            node_id: member.node.zone or f"/{node_id}" for node_id, member in site.members.items()
        }
        self.concerns: list[Concern] = []
        self._at: dict[str, str] = {}
        self._take_seats()

    def _take_seats(self) -> None:
        site, able = self._site, {}
        for name, resource in site.resources.items():
            if not resource.enabled:
                self.stopped[name] = ("it is disabled",)
            elif spent := site.failures.spent(resource):
                self.stopped[name] = (f"it has failed {times(spent)}, more than its budget allows",)
            else:
                able[name] = resource
        for bundle in bundles(able, site.precedence):
            seats, dropped = take_seats(site, bundle)
            self.seats += seats
            self.stopped |= dropped

    def decide(self) -> None:
        """Give every seat its target, or why it has none."""
        for seat in self.seats:
            self._classify(seat)
        for seat in self._of(lambda it: it.target is not None):
            self._part(seat)
        for seat in self._of(lambda it: not it.waits):
            self._grant_wish(seat)
        homeless = self._of(lambda it: it.target is None and not it.waits)
        for seat in sorted(homeless, key=self._urgency):
            self._fill(seat)
        self._move_by_turns()

    def _runs_on(self, seat: Seat, node_id: str) -> bool:
        found = (self._site.running(it.resource_id) for it in seat.bundle.members)
        return any(it.node_id == node_id for running in found for it in running)

    # --- Who stays, and who has to go ------------------------------------------------------------

    def _classify(self, seat: Seat) -> None:
        site, bundle, now = self._site, seat.bundle, seat.now
        if seat.waits:
            return
        if now is None:
            return
        braked = site.braked(bundle)
        is_emptied = site.is_alive(now) and away(site.members[now]) is not None
        if is_emptied and not self._runs_on(seat, now) and set(seat.usable) - {now}:
            seat.leave(*_emptied(site, now))
            return
        if now in seat.usable:
            failed = site.unfit(bundle, now)
            seat.stay(braked if failed and braked else "")
            return
        if not site.is_alive(now):
            seat.leave(Cause.DOWN, f"{now} is down")
            self._hold_back(seat)
        elif lacking := site.unfit(bundle, now):
            cause = Cause.UNFIT if site.lacking(bundle, now) else Cause.FAILED
            seat.leave(cause, str(lacking))
            self._hold_back(seat)
        else:
            # It goes when it is its turn, and has a place until then.
            seat.target = now

    def _hold_back(self, seat: Seat) -> None:
        """What has moved too often does not move again, though it cannot run where it is."""
        site, bundle = self._site, seat.bundle
        if is_held(site.moves(bundle)) and not site.wish(bundle):
            seat.waits = (seat.because, site.braked(bundle))
            seat.kept = tuple(it for it in self._back(seat) if it == seat.now)

    def _part(self, seat: Seat) -> None:
        """Keep what is where it is, unless it must not be together with what is there already."""
        assert seat.target is not None  # noqa: S101 - by whom it is called
        if rival := self._rival(seat.bundle, seat.target):
            seat.leave(Cause.UNFIT, f"{rival} is on {seat.target}")
            seat.target = None
            return
        self._place(seat, seat.target)

    # --- What an operator asks for ---------------------------------------------------------------

    def _grant_wish(self, seat: Seat) -> None:
        wish = self._site.wish(seat.bundle)
        if wish is None:
            return
        if seat.target == wish.node_id:
            if self._site.is_open(wish.node_id):  # a node that is emptied keeps nothing by it
                seat.there = There.WISHED
            return
        if refusal := self._refusal(seat, wish.node_id):
            self.concerns.append(Refused(wish.resource_id, wish.node_id, refusal))
            return
        if seat.target is not None:
            self._leave(seat)
        if seat.cause is None:
            seat.leave(Cause.WISHED, "an operator wants it there")
        seat.there = There.WISHED
        self._place(seat, wish.node_id)

    def _refusal(self, seat: Seat, node_id: str) -> str:
        site = self._site
        if node_id not in site.members:
            return f"there is no node {node_id}"
        if node_id not in seat.usable or not site.is_open(node_id):
            refusals = site.refusals(seat.bundle)
            return next(it for it in refusals if it.startswith(f"{node_id} "))
        if rival := self._rival(seat.bundle, node_id):
            return f"{rival} is on {node_id}"
        if not self._has_room(seat.bundle, node_id):
            return f"{node_id} has no room"
        return ""

    # --- Who goes where --------------------------------------------------------------------------

    def candidates(self, seat: Seat) -> list[str]:
        """The nodes that can run a bundle as well as where it is."""
        return [
            node_id
            for node_id in seat.usable
            if node_id != seat.target
            and self._site.is_open(node_id)
            and not self._rival(seat.bundle, node_id)
            and self._has_room(seat.bundle, node_id)
        ]

    def company(self, bundle: Bundle) -> Company:
        """Where those are that a bundle seeks and shuns."""
        own = {it.resource_id for it in bundle.members}
        shunned = {name for it in bundle.members for name in it.apart}
        shunned |= {name for name, it in self._site.resources.items() if own & set(it.apart)}
        apart = frozenset(self._at[name] for name in shunned - own if name in self._at)
        near = frozenset(self._at[name] for name in bundle.near() - own if name in self._at)
        return Company(apart, frozenset(self.zone[node] for node in apart), near)

    def _fill(self, seat: Seat) -> None:
        site = self._site
        if site.unrest and self._follow(seat):
            return
        best = self._best(seat, self.candidates(seat))
        if best is None:
            seat.waits = (*site.refusals(seat.bundle), *self._full(seat))
            seat.kept = self._back(seat)
            return
        seat.there = best[1]
        self._place(seat, best[0])

    def _follow(self, seat: Seat) -> bool:
        """While nothing moves by itself, who dies is followed as the committed order says."""
        committed = self._site.order_of(seat.bundle)
        candidates = self.candidates(seat)
        heir = next((it for it in (committed.nodes if committed else ()) if it in candidates), None)
        if heir is None:
            return False
        seat.there = There.HEIR
        self._place(seat, heir)
        return True

    def _best(self, seat: Seat, candidates: Iterable[str]) -> tuple[str, There] | None:
        committed = self._site.order_of(seat.bundle)
        named = committed.nodes if committed else ()
        company = self.company(seat.bundle)
        found = ranked(seat.bundle, candidates, self.room, self.zone, company, named)
        return found[0] if found else None

    def _back(self, seat: Seat) -> tuple[str, ...]:
        """Those of a committed order that are gone, and could run it when they are back."""
        site, committed = self._site, self._site.order_of(seat.bundle)
        named = (it for it in (committed.nodes if committed else ()) if it in site.members)
        return tuple(
            it for it in named if not site.is_alive(it) and not site.unfit(seat.bundle, it)
        )

    def _full(self, seat: Seat) -> list[str]:
        clauses = []
        for node_id in seat.usable:
            if rival := self._rival(seat.bundle, node_id):
                clauses.append(f"{node_id} runs {rival}")
            elif not self._has_room(seat.bundle, node_id):
                clauses.append(f"{node_id} has no room")
        return clauses

    # --- Who goes when it is its turn ------------------------------------------------------------

    def _move_by_turns(self) -> None:
        """One move at a time that nobody is in a hurry for; what shares needs moves together."""
        unmet = self.unmet()
        going = [seat for seat in self.seats if self._why_go(seat)]
        parts = self._parts()
        turns: dict[str, list[Seat]] = {}
        for seat in going:
            turns.setdefault(parts[seat.bundle.name], []).append(seat)
        is_busy = any(self._is_on_its_way(seat, unmet) for seat in self.seats)
        for _, turn in sorted(turns.items(), key=lambda it: (_is_exclusive(it[1]), it[0])):
            waits = is_busy and _is_exclusive(turn)
            moved = [self._go(seat, waits=waits) for seat in turn]
            is_busy |= any(moved) and _is_exclusive(turn)

    def _why_go(self, seat: Seat) -> tuple[Cause, str] | None:
        now, site = seat.now, self._site
        if now is None or seat.target != now or seat.there is There.WISHED:
            return None
        if site.service(now) is not Service.NORMAL:
            return _emptied(site, now)
        prefers = seat.bundle.prefers()
        better = prefers[: prefers.index(now)] if now in prefers else prefers
        if all(it.sticky for it in seat.bundle.members) or site.braked(seat.bundle):
            return None
        needs = seat.bundle.needs()
        fitting = (it for it in self.candidates(seat) if self.room.fits(it, needs))
        found = [it for it in fitting if it in better]
        return (Cause.RETURNS, f"{min(found, key=better.index)} is preferred") if found else None

    def _go(self, seat: Seat, *, waits: bool) -> bool:
        why = self._why_go(seat)
        if why is None:
            return False
        cause, because = why
        candidates = self.candidates(seat)
        if cause is Cause.RETURNS:
            prefers = seat.bundle.prefers()
            candidates = [it for it in candidates if it in prefers]
            candidates = sorted(candidates, key=prefers.index)[:1]
        if waits and candidates:
            seat.held = f"{because}, and it waits for its turn"
            return False
        best = self._best(seat, candidates)
        if best is None:
            self._cannot_go(seat, cause, because)
            return False
        self._leave(seat)
        seat.leave(cause, because)
        seat.there = There.PREFERRED if cause is Cause.RETURNS else best[1]
        self._place(seat, best[0])
        return True

    def _cannot_go(self, seat: Seat, cause: Cause, because: str) -> None:
        if cause is not Cause.MAINTENANCE:
            seat.held = f"{because}, and no other node can run it"
            return
        self._leave(seat)
        seat.target = None
        seat.waits = self._site.refusals(seat.bundle)

    def _is_on_its_way(self, seat: Seat, unmet: Mapping[str, str]) -> bool:
        """Whether something exclusive of a bundle is between two nodes, or about to start."""
        return seat.target is not None and any(
            member.mode.is_exclusive
            and member.resource_id not in unmet
            and seat.target not in [it.node_id for it in self._site.running(member.resource_id)]
            for member in seat.bundle.members
        )

    def unmet(self) -> dict[str, str]:
        """What does not run since something that it needs does not, with the reason as a clause."""
        idle = set(self.stopped)
        idle |= {it.resource_id for s in self.seats if s.target is None for it in s.bundle.members}
        found: dict[str, str] = {}
        for name in self._site.precedence.sorted:
            missing = [it for it in self._site.precedence.needs[name] if it in idle]
            if missing and name not in idle:
                found[name] = f"it needs {missing[0]}, which does not run"
                idle.add(name)
        return found

    def _parts(self) -> dict[str, str]:
        """Which bundles need each other, directly or through others."""
        owner = {it.resource_id: s.bundle.name for s in self.seats for it in s.bundle.members}
        ties = [
            (owner[name], owner[needed])
            for name in owner
            for needed in self._site.precedence.needs[name]
            if needed in owner
        ]
        return tied(owner.values(), ties)

    # --- What all of them use --------------------------------------------------------------------

    def _of(self, is_it: Callable[[Seat], bool]) -> list[Seat]:
        return [seat for seat in self.seats if is_it(seat)]

    def _urgency(self, seat: Seat) -> tuple[bool, float, str]:
        """What ran before comes first, then what needs most."""
        return seat.now is None, -sum(seat.bundle.needs().values()), seat.bundle.name

    def _rival(self, bundle: Bundle, node_id: str) -> str:
        rivals = self._site.rivals(bundle)
        return min((it for it in rivals if self._at.get(it) == node_id), default="")

    def _has_room(self, bundle: Bundle, node_id: str) -> bool:
        return bundle.overcommits or self.room.fits(node_id, bundle.needs())

    def _place(self, seat: Seat, node_id: str) -> None:
        seat.target = node_id
        self.room.take(node_id, seat.bundle.needs())
        self._at |= {it.resource_id: node_id for it in seat.bundle.members}

    def _leave(self, seat: Seat) -> None:
        if seat.target is not None:
            self.room.leave(seat.target, seat.bundle.needs())
        for member in seat.bundle.members:
            self._at.pop(member.resource_id, None)


def _emptied(site: Site, node_id: str) -> tuple[Cause, str]:
    """Why a bundle leaves a node that an operator empties."""
    if site.service(node_id) is Service.DRAINING:
        return Cause.DRAINED, f"{node_id} is being drained"
    return Cause.MAINTENANCE, f"{node_id} is in maintenance"


def _is_exclusive(turn: Sequence[Seat]) -> bool:
    return any(seat.bundle.is_exclusive for seat in turn)
