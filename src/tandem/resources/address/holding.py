"""What the holder of an address decides: when to probe, add, refresh, announce, and let go. Pure.

    IDLE -- Begin --> PROBING -- nobody answered --> ADDING -- added --> HOLDING
      ^                  |                             |                    |
      `------------------'----- refused ---------------'       Drop, or its time is up

It holds for one token, until an instant that only `Extend` puts off. No refresh, and no
announcement, is ordered when less than `LATEST_EXPIRY_US` is left until then, and each order says
by when it must be carried out: a loser neither brings the address back nor speaks of it.
"""

import enum
from dataclasses import dataclass, replace

from tandem.cluster.exclusive.values import Token
from tandem.resources.address.events import (
    Add,
    Added,
    Announce,
    Begin,
    Begun,
    Drop,
    Effect,
    Event,
    Extend,
    Failed,
    Heard,
    LinkIs,
    Probe,
    Refused,
    Remove,
    Removed,
    Tick,
)
from tandem.resources.address.neighbours import Claim, mac_text
from tandem.resources.address.netlink import IpAddress, Link
from tandem.resources.address.timing import (
    ANNOUNCE_AFTER_US,
    ANNOUNCE_EACH_US,
    DEFEND_GAP_US,
    LATEST_EXPIRY_US,
    PROBE_GAP_US,
    PROBE_US,
    PROBES,
    REFRESH_US,
)


class Phase(enum.Enum):
    """What the holder is at."""

    IDLE = "idle"
    """It holds nothing."""
    PROBING = "probing"
    """It asks the network whether anybody has the address."""
    ADDING = "adding"
    """The kernel is about to be given the address for the first time."""
    HOLDING = "holding"
    """This node has the address, or is to have it again."""


@dataclass(frozen=True, slots=True)
class State:
    """What the holder knows.

    Attributes:
        ip: the address.
        phase: what it is at.
        token: for which it holds, or is about to.
        until_us: how long it is entitled.
        by_us: when the start that is under way is of no use any more.
        link: the interface; None while there is none.
        probes: how many questions were sent.
        next_us: the next question, verdict or refresh.
        announced: how many announcements of this arrival were made.
        announce_us: when the next one is due.
        arrived_us: when the first of them was.
        told_us: when the last of them was.
        conflict: who else claimed it last.
        conflict_us: when that was.
        trouble: why the last refresh failed; empty if it did not.
    """

    ip: IpAddress
    phase: Phase = Phase.IDLE
    token: Token | None = None
    until_us: int = 0
    by_us: int = 0
    link: Link | None = None
    probes: int = 0
    next_us: int = 0
    announced: int = 0
    announce_us: int = 0
    arrived_us: int = 0
    told_us: int = 0
    conflict: Claim | None = None
    conflict_us: int = 0
    trouble: str = ""

    @property
    def refresh_until_us(self) -> int:
        """The instant from which the kernel must not be given the address any more."""
        return self.until_us - LATEST_EXPIRY_US


Outcome = tuple[State, list[Effect]]


def step(state: State, event: Event, now_us: int) -> Outcome:
    """Take one event.

    Args:
        state: as it was.
        event: what happened. One that does not fit the phase does nothing.
        now_us: CLOCK_BOOTTIME.

    Returns:
        The new state, and what is to be done, in this order.
    """
    if isinstance(event, Begin):
        return _begin(state, event, now_us)
    if isinstance(event, Drop):
        return _idle(state, [Remove(), *_refusal(state)])
    if state.phase is Phase.IDLE:
        return state, []
    if isinstance(event, Tick):
        return _tick(state, now_us)
    return _happened(state, event, now_us)


def wake_us(state: State) -> int | None:
    """When a `Tick` is needed next; None if never."""
    if state.phase is Phase.IDLE:
        return None
    if state.phase is not Phase.HOLDING:
        return state.next_us
    if state.link is None:
        return state.until_us
    if state.trouble:
        return min(state.next_us, state.until_us)
    return min(state.next_us, state.announce_us, state.until_us)


def _happened(
    state: State, event: Extend | Heard | LinkIs | Added | Failed | Removed, now_us: int
) -> Outcome:
    match event:
        case Extend(until_us):
            outcome: Outcome = replace(state, until_us=max(state.until_us, until_us)), []
        case Heard(claim):
            outcome = _heard(state, claim, now_us)
        case LinkIs(link):
            outcome = _link_is(state, link, now_us)
        case Added():
            outcome = _added(state, now_us)
        case Failed(why):
            outcome = _failed(state, why)
        case Removed() if now_us >= state.refresh_until_us:
            outcome = _idle(state, [Remove()])  # the kernel took it: its time was up
        case Removed():
            outcome = _again(state, now_us), []
    return outcome


def _again(state: State, now_us: int) -> State:
    """Add it anew, and announce it as on its first arrival."""
    return replace(state, next_us=now_us, announced=0, announce_us=now_us)


def _begin(state: State, event: Begin, now_us: int) -> Outcome:
    if state.phase is not Phase.IDLE:
        if state.token != event.token:
            why = f"This node has it, or is taking it, with the token {state.token}. Stop it first."
            return state, [Refused(why)]
        state = replace(state, until_us=max(state.until_us, event.until_us))
        return state, [Begun()] if state.phase is Phase.HOLDING else []
    begun = State(
        state.ip,
        Phase.PROBING,
        event.token,
        event.until_us,
        event.by_us,
        event.link,
        probes=1,
        next_us=now_us + PROBE_GAP_US,
    )
    if why := _too_late(begun, now_us + PROBE_US):
        return state, [Refused(why)]
    return begun, [Probe(event.link)]


def _too_late(state: State, when_us: int) -> str:
    """Why the address must not be added any more; empty if it may."""
    if when_us >= state.by_us:
        return "It could not be added in the time that was given."
    if when_us >= state.refresh_until_us:
        return (
            f"This node is entitled to it for less than {LATEST_EXPIRY_US / 1e6:g} s more, and the "
            f"kernel needs that to take it away again."
        )
    return ""


def _tick(state: State, now_us: int) -> Outcome:
    if state.phase is Phase.PROBING:
        return _probing(state, now_us)
    if state.phase is Phase.HOLDING and now_us >= state.until_us:
        return _idle(state, [Remove()])
    if state.phase is Phase.HOLDING and state.link is not None:
        return _refresh(state, state.link, now_us)
    return state, []


def _refresh(state: State, link: Link, now_us: int) -> Outcome:
    may_act = now_us < state.refresh_until_us
    if now_us >= state.next_us:
        # An announcement that is due waits for the answer: of what is not here nothing is told.
        state = replace(state, next_us=now_us + REFRESH_US)
        return state, [Add(link, state.refresh_until_us)] if may_act else []
    if now_us >= state.announce_us and not may_act:
        return replace(state, announce_us=now_us + DEFEND_GAP_US), []
    return _announce(state, now_us)


def _probing(state: State, now_us: int) -> Outcome:
    link = state.link
    if now_us < state.next_us or link is None:
        return state, []
    if state.probes < PROBES:
        state = replace(state, probes=state.probes + 1, next_us=now_us + PROBE_GAP_US)
        if state.probes == PROBES:
            rest_us = PROBE_US - (PROBES - 1) * PROBE_GAP_US
            state = replace(state, next_us=now_us + rest_us)
        return state, [Probe(link)]
    if why := _too_late(state, now_us):
        return _idle(state, [Refused(why)])
    state = replace(state, phase=Phase.ADDING, next_us=state.until_us)
    return state, [Add(link, min(state.by_us, state.refresh_until_us))]


def _added(state: State, now_us: int) -> Outcome:
    is_first = state.phase is Phase.ADDING
    state = replace(state, phase=Phase.HOLDING, trouble="")
    if is_first:
        state = replace(state, next_us=now_us + REFRESH_US, announce_us=now_us)
    state, effects = _announce(state, now_us)
    return state, [*effects, Begun()] if is_first else effects


def _failed(state: State, why: str) -> Outcome:
    if state.phase is not Phase.HOLDING:
        return _idle(state, [Remove(), Refused(why)])
    return replace(state, trouble=why), []


def _announce(state: State, now_us: int) -> Outcome:
    """Tell all others, if it is time, and plan when to tell them again."""
    link = state.link
    if now_us < state.announce_us or link is None or state.trouble:
        return state, []
    if state.announced == 0:
        state = replace(state, arrived_us=now_us)
    count = state.announced + 1
    if count < len(ANNOUNCE_AFTER_US):
        next_us = max(state.arrived_us + ANNOUNCE_AFTER_US[count], now_us + 1)
    else:
        next_us = now_us + ANNOUNCE_EACH_US
    announce = Announce(link, state.refresh_until_us)
    return replace(state, announced=count, announce_us=next_us, told_us=now_us), [announce]


def _heard(state: State, claim: Claim, now_us: int) -> Outcome:
    if state.phase is Phase.PROBING and state.link:
        what = "is about to take it" if claim.is_probe else "already has it"
        why = (
            f"Another host on {state.link.name} {what}: the one with the hardware address "
            f"{mac_text(claim.mac)}. Remove the address there, or choose another one."
        )
        return _idle(state, [Refused(why)])
    if claim.is_probe or state.phase is not Phase.HOLDING:
        return state, []  # the kernel answers who asks
    soon_us = max(now_us, state.told_us + DEFEND_GAP_US)
    state = replace(state, announce_us=min(state.announce_us, soon_us))
    return replace(state, conflict=claim, conflict_us=now_us), []


def _link_is(state: State, link: Link | None, now_us: int) -> Outcome:
    was, state = state.link, replace(state, link=link)
    if state.phase is not Phase.HOLDING:
        if link is None or not link.is_up:
            gone = "The interface went away, or was switched off, while the address was taken."
            return _idle(state, [Remove(), Refused(gone)])
        return state, []
    is_back = link is not None and (
        was is None
        or (link.index, link.mac) != (was.index, was.mac)
        or (link.is_up and link.is_running) > (was.is_up and was.is_running)
    )
    if is_back:
        state = _again(state, now_us)
    return state, []


def _idle(state: State, effects: list[Effect]) -> Outcome:
    return State(state.ip), effects


def _refusal(state: State) -> list[Effect]:
    """For who waits for a start that will not be."""
    is_starting = state.phase in {Phase.PROBING, Phase.ADDING}
    return [Refused("It was stopped while it started.")] if is_starting else []
