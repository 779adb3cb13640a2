"""A node's session: begun and renewed by compare-and-swap, ended by whoever evicts it.

    IDLE -- begin --> READING -- found --> BEGINNING -- written --> LIVE -- renew, renew, ...
      ^                                        |                      |
      `----- somebody was faster --------------'                      `-- evicted --> STOPPED

Every write compares the key's mod_revision, and has a nonce of its own. A write whose outcome is
unknown may still happen, at any later time, but only while the revision is the one it compares: so
all attempts since the last known revision are remembered, and whichever of them a read finds there
counts, from *its own* sending. As soon as the revision moves, the others never can.

Every found value is one of: what this node knew (nothing happened yet), one of its own attempts (it
happened), or somebody else's (an eviction, or another process of this node): then this session is
over, whatever comes later.

A write may carry others in the same transaction: a take, a release, an eviction. What is found
tells of all of them at once, and none of them happens unless the session is still this one.
"""

import enum
from dataclasses import dataclass, replace
from typing import Final, Protocol

from tandem.cluster.model import Session, SessionState

MOST_ATTEMPTS: Final = 16
"""So many writes are remembered. An earlier one that happens after all looks like somebody else's,
and ends the session: that is no harm but a stop."""


class Value(Protocol):
    """What a key may hold."""

    def encode(self) -> bytes:
        """As stored."""


@dataclass(frozen=True, slots=True)
class Write:
    """One key, to be written if its mod_revision is that one (0: if there is no key).

    Attributes:
        prefix: such as `keys.SESSIONS`.
        name: what follows it.
        value: to write.
        revision: to compare.
    """

    prefix: str
    name: str
    value: Value
    revision: int


class Phase(enum.Enum):
    """Where a session is in its life."""

    IDLE = "idle"
    """None yet, or one that could not begin: begin."""
    READING = "reading"
    """About to begin: what stands there decides the epoch."""
    BEGINNING = "beginning"
    """The first write is under way, or its outcome is unknown."""
    LIVE = "live"
    """Begun; renewals may be under way."""
    STOPPED = "stopped"
    """Over. What was held under it must stop before another one begins."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What stands under the key.

    Attributes:
        session: the value.
        revision: its mod_revision.
    """

    session: Session
    revision: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """A write that may have happened, or may yet.

    Attributes:
        session: what it writes.
        sent_us: when it was about to be sent, CLOCK_BOOTTIME.
        carries: what else it writes, in the same transaction.
    """

    session: Session
    sent_us: int
    carries: tuple[Write, ...] = ()


@dataclass(frozen=True, slots=True)
class Begin:
    """Asks for a session; `nonce` is new and random, for the first write.

    Attributes:
        nonce: of the first write.
        incarnation: of the store.
    """

    nonce: str
    incarnation: int = 0


@dataclass(frozen=True, slots=True)
class Renew:
    """It is time to renew, or there is something to carry.

    Attributes:
        nonce: new and random.
        seen: all sessions have been seen as they stood at this revision.
        nodes: so many are configured.
        carries: what else to write.
    """

    nonce: str
    seen: int = 0
    nodes: int = 0
    carries: tuple[Write, ...] = ()


@dataclass(frozen=True, slots=True)
class End:
    """Nothing is held under this session any more, and it is to be over.

    Attributes:
        nonce: new and random.
    """

    nonce: str


@dataclass(frozen=True, slots=True)
class Written:
    """The write with this nonce succeeded, and made this revision."""

    nonce: str
    revision: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The comparison of the write with this nonce failed; `found` is there, None if nothing is."""

    nonce: str
    found: Stored | None


@dataclass(frozen=True, slots=True)
class Unknown:
    """The write with this nonce was not answered in time, or the connection broke."""

    nonce: str


@dataclass(frozen=True, slots=True)
class Found:
    """A linearizable read, or a watch, shows this; None if nothing is there.

    Attributes:
        stored: what stands there.
        seen: all sessions have been seen as they stood at this revision.
        nodes: so many are configured.
    """

    stored: Stored | None
    seen: int = 0
    nodes: int = 0


Event = Begin | Renew | End | Written | Refused | Unknown | Found


@dataclass(frozen=True, slots=True)
class Read:
    """To do: read the key, linearizably; then `Found`. Again until it is answered."""


@dataclass(frozen=True, slots=True)
class Put:
    """To do: write this value if the key's mod_revision is that one (0: if there is no key).

    Attributes:
        session: the value.
        revision: what to compare.
        carries: what else to write, in the same transaction.
    """

    session: Session
    revision: int
    carries: tuple[Write, ...] = ()


@dataclass(frozen=True, slots=True)
class Renewed:
    """The session is live, and counts from here.

    Attributes:
        stored: as it stands in the store.
        sent_us: when the write that made it so was about to be sent, CLOCK_BOOTTIME.
        carries: what it wrote beside, at the same revision.
    """

    stored: Stored
    sent_us: int
    carries: tuple[Write, ...] = ()


@dataclass(frozen=True, slots=True)
class Stop:
    """To do: stop whatever is held under this session, at once.

    Attributes:
        reason: why it is over, as a sentence.
    """

    reason: str


Effect = Read | Put | Renewed | Stop


@dataclass(frozen=True, slots=True)
class State:
    """A node's own view of its session.

    Attributes:
        node_id: the node.
        phase: where it is in its life.
        nonce: of the first write, while reading.
        incarnation: of the store, for the session that is begun.
        known: what stood there last as far as is known; None: nothing.
        attempts: writes since, all comparing the revision of `known`.
    """

    node_id: str
    phase: Phase = Phase.IDLE
    nonce: str = ""
    incarnation: int = 0
    known: Stored | None = None
    attempts: tuple[Attempt, ...] = ()


def step(state: State, event: Event, now_us: int) -> tuple[State, list[Effect]]:
    """Take one event.

    Args:
        state: as it was.
        event: what happened. One that does not fit the phase, such as a late answer, does nothing.
        now_us: CLOCK_BOOTTIME, read before the effects are carried out: a renewal counts from it.

    Returns:
        The new state, and what is to be done, in this order.
    """
    if isinstance(event, Begin | Renew | End):
        return _wished(state, event, now_us)
    if not isinstance(event, Found):
        return _outcome(state, event)
    if state.phase is Phase.READING:
        return _begin(state, event, now_us)
    if state.phase in {Phase.BEGINNING, Phase.LIVE}:
        return _found(state, event.stored)
    return state, []


def _wished(state: State, event: Begin | Renew | End, now_us: int) -> tuple[State, list[Effect]]:
    if isinstance(event, Begin):
        if state.phase not in {Phase.IDLE, Phase.STOPPED}:
            return state, []
        return State(state.node_id, Phase.READING, event.nonce, event.incarnation), [Read()]
    if isinstance(event, End):
        is_there = state.phase is Phase.LIVE and state.known
        return _attempt(state, _last(state, is_there, event), now_us) if is_there else (state, [])
    if state.phase is Phase.LIVE and state.known:
        return _attempt(state, _next(state, state.known, event), now_us, event.carries)
    if state.phase is Phase.BEGINNING:
        return _attempt(state, _first(state, event.nonce, event), now_us)
    return state, []


def _outcome(state: State, event: Written | Refused | Unknown) -> tuple[State, list[Effect]]:
    """What came of a write; of one that no longer matters, nothing."""
    attempt = _attempt_of(state, event.nonce)
    if attempt is None:
        return state, []
    if isinstance(event, Written):
        return _adopt(state, attempt, event.revision)
    if isinstance(event, Refused):
        # Perhaps by itself: a client that sends a request twice is refused the second time.
        return _found(state, event.found)
    return state, [Read()]


def _begin(state: State, found: Found, now_us: int) -> tuple[State, list[Effect]]:
    state = replace(state, phase=Phase.BEGINNING, known=found.stored)
    return _attempt(state, _first(state, state.nonce, found), now_us)


def _first(state: State, nonce: str, event: Found | Renew) -> Session:
    """A new epoch, above whatever stands there: an earlier process, or an eviction."""
    epoch = state.known.session.epoch + 1 if state.known else 1
    seen, nodes = _known(state, event.seen, event.nodes)
    return Session(epoch, 0, nonce, seen=seen, nodes=nodes, incarnation=state.incarnation)


def _next(state: State, stored: Stored, event: Renew) -> Session:
    """The session that is known, renewed once."""
    known = stored.session
    seen, nodes = _known(state, event.seen, event.nodes)
    return Session(
        known.epoch,
        known.counter + 1,
        event.nonce,
        began=known.began or stored.revision,
        seen=seen,
        nodes=nodes,
        incarnation=known.incarnation,
    )


def _last(state: State, stored: Stored, event: End) -> Session:
    """The session that is known, over: in the next epoch, as an eviction's is."""
    known = stored.session
    seen, nodes = _known(state, known.seen, known.nodes)
    return replace(
        known,
        epoch=known.epoch + 1,
        nonce=event.nonce,
        state=SessionState.OFF,
        began=known.began or stored.revision,
        seen=seen,
        nodes=nodes,
    )


def _known(state: State, seen: int, nodes: int) -> tuple[int, int]:
    """The same in all attempts of which one at most happens: what is in the store then is known."""
    if not state.attempts:
        return seen, nodes
    first = state.attempts[0].session
    return first.seen, first.nodes


def _attempt(
    state: State, session: Session, now_us: int, carries: tuple[Write, ...] = ()
) -> tuple[State, list[Effect]]:
    attempts = (*state.attempts, Attempt(session, now_us, carries))[-MOST_ATTEMPTS:]
    return replace(state, attempts=attempts), [Put(session, _revision(state), carries)]


def _adopt(state: State, attempt: Attempt, revision: int) -> tuple[State, list[Effect]]:
    """An attempt is in the store; the others compare a revision that is past."""
    stored = Stored(attempt.session, revision)
    if not attempt.session.is_live:
        return replace(state, phase=Phase.STOPPED, known=stored, attempts=()), []
    state = replace(state, phase=Phase.LIVE, known=stored, attempts=())
    return state, [Renewed(stored, attempt.sent_us, attempt.carries)]


def _found(state: State, found: Stored | None) -> tuple[State, list[Effect]]:
    """What a read shows: nothing new, an own attempt, or somebody else's write."""
    revision = found.revision if found else 0
    if revision == _revision(state):
        return state, []
    if found and revision < _revision(state):  # a watch that lags
        return state, [Read()] if state.attempts else []
    attempt = _attempt_of(state, found.session.nonce) if found else None
    if attempt and found and attempt.session == found.session:
        return _adopt(state, attempt, revision)
    if state.phase is Phase.BEGINNING:
        return State(state.node_id), []  # nothing is held yet; begin again
    return replace(state, phase=Phase.STOPPED, attempts=()), [Stop(_reason(state, found))]


def _reason(state: State, found: Stored | None) -> str:
    key = f"The session of node {state.node_id}"
    if found is None:
        return f"{key} is no longer in the store: it was removed, or the store was restored."
    if found.session.state is SessionState.EVICTED:
        return f"{key} was evicted (epoch {found.session.epoch}): the others gave it up."
    return (
        f"{key} was begun by another process (epoch {found.session.epoch})."
        " Is Tandem running twice, or on a clone of this machine?"
    )


def _revision(state: State) -> int:
    return state.known.revision if state.known else 0


def _attempt_of(state: State, nonce: str) -> Attempt | None:
    return next((it for it in state.attempts if it.session.nonce == nonce), None)
