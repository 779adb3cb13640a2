"""The one chain of transactions of a node: each renews its session, and carries what else is due.

So whatever is written compares the writer's own live session, no renewal races with it, and one
read settles an unknown outcome together with all that it carried (rules C1 to C4).
"""

from typing import Final

from tandem.cluster import keys, session
from tandem.cluster.exclusive import eviction, fencing, guarantee, taking, views
from tandem.cluster.exclusive.events import (
    Effect,
    Read,
    Refused,
    Say,
    StoredOwner,
    Transact,
    View,
)
from tandem.cluster.exclusive.state import State
from tandem.cluster.exclusive.values import Hold, Owner
from tandem.cluster.model import Session
from tandem.cluster.session import Phase, Stored, Write

READING: Final = "reading"
MOST_CARRIED: Final = 40
"""In one transaction: etcd takes 128 operations, and each has a compare, a put and a read."""

# --- What is sent -------------------------------------------------------------------------------


def send(state: State, now_us: int, out: list[Effect]) -> None:
    """C1: one thing at a time: a transaction, or a read."""
    if state.under_way:
        return
    phase = state.chain.phase
    if phase in {Phase.IDLE, Phase.STOPPED}:
        if not state.is_clean or state.runs or state.leaving_us is not None:
            return
        begin(state, now_us, out)
    if state.must_read:
        read(state, now_us, out)
    elif phase is Phase.LIVE or phase is Phase.BEGINNING:
        renew(state, now_us, out)


def begin(state: State, now_us: int, out: list[Effect]) -> None:
    """C4: a session begins only after the proof that nothing exclusive runs here."""
    if state.cluster is None:
        state.must_read = True
    else:
        state.next_us = now_us
        tell(state, session.Begin(nonce(state), state.incarnation), now_us, out)


def read(state: State, now_us: int, out: list[Effect]) -> None:
    """Ask what stands there, and again until there is an answer."""
    if now_us < state.next_us:
        state.wake(state.next_us)
        return
    state.under_way = READING
    state.next_us = now_us + state.timing.retry_us
    out.append(Read())


def renew(state: State, now_us: int, out: list[Effect]) -> None:
    """Renew if it is time, or if there is something to carry."""
    carries: tuple[Write, ...] = ()
    if state.is_live:
        due = (
            *eviction.wanted(state, now_us),
            *fencing.off(state),
            *taking.releases(state, now_us),
            *taking.takes(state, now_us),
        )
        if now_us >= state.carry_us:
            carries = due[:MOST_CARRIED]
        elif due:
            state.wake(state.carry_us)
    is_first_end = may_end(state) and not state.chain.attempts
    if not carries and now_us < state.next_us and not is_first_end:
        state.wake(state.next_us)
        return
    if not carries and may_end(state):
        tell(state, session.End(nonce(state)), now_us, out)
        return
    seen, nodes = state.whole_revision, len(state.nodes)
    tell(state, session.Renew(nonce(state), seen, nodes, carries), now_us, out)


def may_end(state: State) -> bool:
    """L1: this node leaves, nothing runs here any more, and nothing is held that may start it.

    From then on nothing starts here whatever is read back: so the session may say `off` at once.
    """
    return state.leaving_us is not None and state.is_live and not (state.runs or state.held)


def nonce(state: State) -> str:
    """A new one: no other process has this life, and this one never counts back."""
    state.nonces += 1
    return f"{state.life}.{state.nonces}"


# --- What comes of it ---------------------------------------------------------------------------


def tell(state: State, event: session.Event, now_us: int, out: list[Effect]) -> None:
    """Tell the session, and do as it says."""
    state.chain, effects = session.step(state.chain, event, now_us)
    for effect in effects:
        match effect:
            case session.Read():
                state.must_read = True
            case session.Put():
                put(state, effect, now_us, out)
            case session.Renewed():
                guarantee.renewed(state, effect)
                happened(state, effect.stored, effect.carries, now_us)
            case session.Stop(reason=reason):
                state.is_clean = False
                out.append(Say(f"{reason} Whatever exclusive runs here is stopped."))


def put(state: State, effect: session.Put, now_us: int, out: list[Effect]) -> None:
    """C2: the own session is compared in each transaction, and so is the cluster's incarnation."""
    own = Write(keys.SESSIONS, state.node_id, effect.session, effect.revision)
    state.under_way = effect.session.nonce
    state.next_us = now_us + state.timing.renew_us
    for write in effect.carries:
        if isinstance(write.value, Owner) and write.value.hold is Hold.RELEASED:
            taking.released(state, write)
    keep_basis(state, effect.session.seen)
    revision = state.cluster.revision if state.cluster else 0
    out.append(Transact(effect.session.nonce, (own, *effect.carries), revision))


def keep_basis(state: State, seen: int) -> None:
    """F1, F2: who had a session at the revisions that the own session may tell in the store."""
    told = {seen} | {one.session.seen for one in state.chain.attempts}
    if state.chain.known:
        told.add(state.chain.known.session.seen)
    known = {**state.bases, state.whole_revision: state.whole}
    state.bases = {at: known[at] for at in told if at in known}


def happened(state: State, stored: Stored, carries: tuple[Write, ...], now_us: int) -> None:
    """C3: all that the transaction carried happened with it, at its revision."""
    for write in carries:
        if isinstance(write.value, Owner):
            views.take_owner(state, write.name, StoredOwner(write.value, stored.revision))
        elif isinstance(write.value, Session):
            views.take_peer(state, write.name, Stored(write.value, stored.revision), now_us)


def answered(state: State, view: View, now_us: int, out: list[Effect]) -> None:
    """The answer to a read; what is overdue since is sent at once."""
    state.under_way, state.next_us = "", now_us
    if not views.absorb(state, view, now_us) or state.cluster is None:
        state.next_us = now_us + state.timing.retry_us
    else:
        state.must_read = False
        own = (view.sessions or {}).get(state.node_id)
        tell(state, session.Found(own, state.whole_revision, len(state.nodes)), now_us, out)


def unanswered(state: State, now_us: int) -> None:
    """It is asked again."""
    state.under_way = ""
    state.next_us = now_us + state.timing.retry_us


def refused(state: State, event: Refused, now_us: int, out: list[Effect]) -> None:
    """Something stood there otherwise: try again when it is known."""
    if ended(state, event.nonce):
        state.next_us = state.carry_us = now_us + state.timing.retry_us
    if views.absorb(state, event.view, now_us):
        own = (event.view.sessions or {}).get(state.node_id)
        tell(state, session.Refused(event.nonce, own), now_us, out)


def ended(state: State, name: str) -> bool:
    """Whether that is what was under way; it is no more."""
    is_it = state.under_way == name
    if is_it:
        state.under_way = ""
    return is_it


def saw(state: State, view: View, now_us: int, out: list[Effect]) -> None:
    """V2: a watch tells of the own session only if it does not lag behind what is known of it."""
    if not views.absorb(state, view, now_us):
        return
    known, sessions = state.chain.known, view.sessions
    if sessions is None or not (view.is_whole or state.node_id in sessions):
        return
    is_begun = state.chain.phase in {Phase.LIVE, Phase.BEGINNING}
    if is_begun and view.revision >= (known.revision if known else 0):
        tell(state, session.Found(sessions.get(state.node_id)), now_us, out)
