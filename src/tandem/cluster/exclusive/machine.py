"""One node's engine: an event in, the new state and what is to be done out."""

from tandem.cluster import session
from tandem.cluster.exclusive import (
    chain,
    eviction,
    failsafe,
    fencing,
    guarantee,
    running,
    soft,
    views,
)
from tandem.cluster.exclusive.events import (
    Answered,
    Ask,
    Clean,
    Done,
    Effect,
    Event,
    Fenced,
    FencingFailed,
    FoundRunning,
    Leave,
    Left,
    Promise,
    Prove,
    Received,
    Refused,
    Seen,
    Started,
    StartFailed,
    StopFailed,
    Stopped,
    Unanswered,
    Unknown,
    Words,
)
from tandem.cluster.exclusive.state import NEVER, State
from tandem.cluster.session import Phase


def step(state: State, event: Event, now_us: int) -> tuple[State, list[Effect]]:
    """Take one event.

    Args:
        state: as it was; it stays as it is.
        event: what happened.
        now_us: CLOCK_BOOTTIME, read before the effects are carried out: what is sent counts from
            it.

    Returns:
        The new state, and what is to be done, in this order.
    """
    new = state.copy()
    out: list[Effect] = []
    take(new, event, now_us, out)
    views.say_unread(state, new, out)
    new.wake_at_us = NEVER
    settle(new, now_us, out)
    return new, out


def wake_us(state: State) -> int | None:
    """When it needs a `Tick` at the latest, if nothing else happens before; None: it does not."""
    return state.wake_at_us if state.wake_at_us < NEVER else None


def take(state: State, event: Event, now_us: int, out: list[Effect]) -> None:
    """What the event says."""
    match event:
        case Done() | Refused() | Unknown() | Answered() | Unanswered() | Seen():
            take_store(state, event, now_us, out)
        case Started() | StartFailed() | Stopped() | StopFailed() | FoundRunning():
            take_run(state, event, now_us, out)
        case Clean():
            clean(state)
        case Words(suspects=suspects):
            state.words = suspects
        case Leave(by_us=by_us):
            state.leaving_us = by_us
        case Received(message=Ask() as question):
            failsafe.answer(state, question, now_us, out)
        case Received(message=Promise() as promise):
            failsafe.promised(state, promise)
        case Fenced():
            fencing.confirm(state, event)
        case FencingFailed():
            fencing.failed(state, event, now_us, out)


def take_store(
    state: State,
    event: Done | Refused | Unknown | Answered | Unanswered | Seen,
    now_us: int,
    out: list[Effect],
) -> None:
    """What the store says."""
    match event:
        case Done(nonce=nonce, revision=revision, view=view):
            chain.ended(state, nonce)
            is_own = any(one.session.nonce == nonce for one in state.chain.attempts)
            chain.tell(state, session.Written(nonce, revision), now_us, out)
            if view is not None and is_own:
                views.absorb(state, view, now_us)
        case Refused():
            chain.refused(state, event, now_us, out)
        case Unknown(nonce=nonce):
            chain.ended(state, nonce)
            state.next_us = min(state.next_us, now_us)
            chain.tell(state, session.Unknown(nonce), now_us, out)
        case Answered(view=view):
            chain.answered(state, view, now_us, out)
        case Unanswered():
            chain.unanswered(state, now_us)
        case Seen(view=view):
            chain.saw(state, view, now_us, out)


def take_run(
    state: State,
    event: Started | StartFailed | Stopped | StopFailed | FoundRunning,
    now_us: int,
    out: list[Effect],
) -> None:
    """What is said of what runs here."""
    match event:
        case Started():
            running.started(state, event)
        case StartFailed():
            running.start_failed(state, event, now_us, out)
        case Stopped():
            running.stopped(state, event)
        case StopFailed():
            running.stop_failed(state, event, out)
        case FoundRunning():
            running.found(state, event, now_us, out)


def clean(state: State) -> None:
    """C4: nothing runs here: what was held before is over, and a session may begin."""
    if not state.is_proving:
        return
    state.is_proving, state.is_clean = False, not state.runs
    state.renewed_until_us = state.failsafe_until_us = state.told_us = 0
    state.promises, state.asked = {}, {}


def settle(state: State, now_us: int, out: list[Effect]) -> None:
    """What is to be done as things are now, whatever brought them about."""
    soft.forget_early(state)
    eviction.mark_outvoted(state, now_us)
    guarantee.tell(state, out)
    running.settle(state, now_us, out)
    failsafe.ask(state, now_us, out)
    fencing.ask(state, now_us, out)
    if not (state.is_clean or state.is_proving or state.runs):
        state.is_proving = True
        out.append(Prove())
    chain.send(state, now_us, out)
    left(state, out)


def left(state: State, out: list[Effect]) -> None:
    """L1: it has left once nothing runs here and there is no session that might have begun."""
    is_over = state.chain.phase in {Phase.IDLE, Phase.STOPPED} and not state.runs
    if state.leaving_us is not None and is_over and not state.has_left:
        state.has_left = True
        out.append(Left())
