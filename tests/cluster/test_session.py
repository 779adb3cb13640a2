"""A node's session: whatever the store says and whenever, no eviction is outlived."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.cluster.model import Session, SessionState
from tandem.cluster.session import (
    MOST_ATTEMPTS,
    Begin,
    Effect,
    Event,
    Found,
    Phase,
    Put,
    Read,
    Refused,
    Renew,
    Renewed,
    State,
    Stop,
    Stored,
    Unknown,
    Write,
    Written,
    step,
)


def run(*events: Event, state: State | None = None) -> tuple[State, list[Effect]]:
    """Events at 1, 2, 3 ... microseconds; what the last one made to be done."""
    state = state or State("a")
    effects: list[Effect] = []
    for now_us, event in enumerate(events, start=1):
        state, effects = step(state, event, now_us)
    return state, effects


def live(epoch: int = 1) -> State:
    """Begun at revision 10 where nothing stood."""
    state, _ = run(Begin("n0"), Found(None), Written("n0", 10))
    assert state.phase is Phase.LIVE
    return state


OWN = Session(1, 0, "n0")
RENEWED = Session(1, 1, "n1", began=10)
EVICTED = Stored(Session(2, 0, "other", SessionState.EVICTED), 11)


def test_the_first_session_has_epoch_1_and_is_written_where_no_key_is() -> None:
    assert run(Begin("n0"))[1] == [Read()]
    assert run(Begin("n0"), Found(None))[1] == [Put(OWN, 0)]
    _, effects = run(Begin("n0"), Found(None), Written("n0", 10))
    assert effects == [Renewed(Stored(OWN, 10), sent_us=2)]


@pytest.mark.parametrize("state", list(SessionState))
def test_a_session_begins_above_whatever_stands_there(state: SessionState) -> None:
    stood = Stored(Session(7, 99, "old", state), 5)
    assert run(Begin("n0"), Found(stood))[1] == [Put(Session(8, 0, "n0"), 5)]


def test_a_renewal_raises_the_counter_and_counts_from_its_own_sending() -> None:
    state, effects = step(live(), Renew("n1"), 50)
    assert effects == [Put(Session(1, 1, "n1", began=10), 10)]
    _, effects = step(state, Written("n1", 11), 90)
    assert effects == [Renewed(Stored(RENEWED, 11), sent_us=50)]


def test_an_unknown_outcome_is_read_back_and_counts_only_if_it_is_there() -> None:
    state, effects = run(Renew("n1"), Unknown("n1"), state=live())
    assert effects == [Read()]
    assert step(state, Found(Stored(OWN, 10)), 9) == (state, [])
    _, effects = step(state, Found(Stored(RENEWED, 11)), 9)
    assert effects == [Renewed(Stored(RENEWED, 11), sent_us=1)]


def test_of_two_attempts_the_one_that_is_there_counts_from_its_own_sending() -> None:
    state, _ = run(Renew("n1"), Unknown("n1"), Found(Stored(OWN, 10)), Renew("n2"), state=live())
    landed = Stored(RENEWED, 11)
    after, effects = step(state, Refused("n2", landed), 9)
    assert effects == [Renewed(landed, sent_us=1)]
    assert step(after, Refused("n2", landed), 9) == (after, [])


def test_a_request_that_was_sent_twice_and_refused_by_itself_has_happened() -> None:
    state, _ = step(live(), Renew("n1"), 50)
    itself = Stored(RENEWED, 11)
    assert step(state, Refused("n1", itself), 60)[1] == [Renewed(itself, sent_us=50)]


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (EVICTED, "was evicted"),
        (Stored(Session(2, 0, "other"), 11), "another process"),
        (Stored(Session(1, 1, "other"), 11), "another process"),
        (None, "no longer in the store"),
    ],
)
def test_whoever_else_wrote_the_session_is_over(found: Stored | None, reason: str) -> None:
    renewing, _ = step(live(), Renew("n1"), 50)
    cases: list[tuple[State, Event]] = [
        (live(), Found(found)),
        (renewing, Found(found)),
        (renewing, Refused("n1", found)),
    ]
    for state, event in cases:
        stopped, (stop,) = step(state, event, 60)
        assert isinstance(stop, Stop)
        assert reason in stop.reason
        assert stopped.phase is Phase.STOPPED
        assert step(stopped, Written("n1", 11), 70) == (stopped, [])
        assert step(stopped, Renew("n2"), 70) == (stopped, [])


def test_an_eviction_that_keeps_the_nonce_is_not_taken_for_an_own_write() -> None:
    state, _ = step(live(), Renew("n1"), 50)
    evicted = Stored(Session(2, 1, "n1", SessionState.EVICTED), 12)
    assert isinstance(step(state, Found(evicted), 60)[1][0], Stop)


def test_after_a_stop_a_new_session_may_begin() -> None:
    state, _ = step(live(), Found(EVICTED), 60)
    assert run(Begin("n5"), Found(EVICTED), state=state)[1] == [Put(Session(3, 0, "n5"), 11)]


def test_who_is_beaten_to_the_first_write_begins_again() -> None:
    state, effects = run(Begin("n0"), Found(None), Refused("n0", EVICTED))
    assert (state, effects) == (State("a"), [])


def test_a_first_write_of_unknown_outcome_is_tried_again_with_another_nonce() -> None:
    state, effects = run(Begin("n0"), Found(None), Unknown("n0"), Found(None), Renew("n1"))
    assert effects == [Put(Session(1, 0, "n1"), 0)]
    assert step(state, Found(Stored(OWN, 10)), 9)[1] == [Renewed(Stored(OWN, 10), sent_us=2)]


def test_a_watch_that_lags_is_no_eviction() -> None:
    state, _ = run(Renew("n1"), Written("n1", 11), state=live())
    assert step(state, Found(Stored(OWN, 10)), 9) == (state, [])
    state, _ = step(state, Renew("n2"), 9)
    assert step(state, Found(Stored(OWN, 10)), 9) == (state, [Read()])


TAKE = Write("owners/", "web", OWN, 7)


def test_what_a_write_carries_happens_with_it_whenever_it_is_found() -> None:
    state, effects = step(live(), Renew("n1", carries=(TAKE,)), 50)
    assert effects == [Put(RENEWED, 10, (TAKE,))]
    found = Stored(RENEWED, 11)
    for event in (Written("n1", 11), Refused("n1", found), Found(found)):
        assert step(state, event, 90)[1] == [Renewed(found, 50, (TAKE,))]


def test_of_two_attempts_only_the_one_that_is_there_carried_something() -> None:
    state, _ = run(Renew("n1", carries=(TAKE,)), Unknown("n1"), Renew("n2"), state=live())
    landed = Stored(replace(RENEWED, nonce="n2"), 11)
    assert step(state, Found(landed), 9)[1] == [Renewed(landed, 3)]


def test_all_attempts_of_which_one_can_happen_tell_the_same_sight() -> None:
    first, second = Renew("n1", seen=20, nodes=3), Renew("n2", seen=30, nodes=4)
    state, effects = run(first, Unknown("n1"), second, state=live())
    (put,) = effects
    assert isinstance(put, Put)
    assert (put.session.seen, put.session.nodes) == (20, 3)
    state, _ = step(state, Written("n2", 11), 9)
    (put,) = step(state, Renew("n3", seen=40, nodes=5), 9)[1]
    assert isinstance(put, Put)
    assert (put.session.seen, put.session.nodes, put.session.began) == (40, 5, 10)


def test_an_attempt_that_is_too_old_to_be_remembered_ends_the_session() -> None:
    state = live()
    for number in range(MOST_ATTEMPTS + 1):
        state, _ = step(state, Renew(f"n{number}"), 9)
    assert len(state.attempts) == MOST_ATTEMPTS
    forgotten = Stored(replace(RENEWED, nonce="n0"), 11)
    assert isinstance(step(state, Found(forgotten), 9)[1][0], Stop)


class FakeStore:
    """One key; writes may be answered late or never, and happen late."""

    def __init__(self) -> None:
        self.stored: Stored | None = None
        self.revision = 3
        self.history: list[Session] = []
        self.under_way: list[Put] = []
        """Given up by who sent them, and may happen yet."""

    def put(self, session: Session, expected: int) -> bool:
        if (self.stored.revision if self.stored else 0) != expected:
            return False
        self.revision += 2  # other keys are written as well
        self.stored = Stored(session, self.revision)
        self.history.append(session)
        return True

    def evict(self) -> None:
        if self.stored:
            session = self.stored.session
            evicted = replace(session, epoch=session.epoch + 1, state=SessionState.EVICTED)
            self.put(evicted, self.stored.revision)


@given(st.integers(0, 2**32))
def test_no_renewal_is_believed_that_the_store_has_not_or_that_an_eviction_has_ended(
    seed: int,
) -> None:
    random, store, state = Random(seed), FakeStore(), State("a")
    waiting: list[Effect] = []
    held: Session | None = None
    sent: dict[str, int] = {}
    for now_us in range(300):
        events: list[Event] = []
        if random.random() < 0.03:
            store.evict()
        if store.under_way and random.random() < 0.2:
            late = store.under_way.pop()
            store.put(late.session, late.revision)
        if waiting and random.random() < 0.7:
            effect = waiting.pop(random.randrange(len(waiting)))
            events += carried_out(effect, store, random)
        elif random.random() < 0.4:
            nonce = f"n{now_us}"
            fresh = state.phase in {Phase.IDLE, Phase.STOPPED}
            events.append(Begin(nonce) if fresh else Renew(nonce))
        for event in events:
            state, effects = step(state, event, now_us)
            for effect in effects:
                match effect:
                    case Renewed(stored=stored, sent_us=sent_us):
                        assert stored.session in store.history
                        assert sent[stored.session.nonce] == sent_us
                        assert held is None or stored.session.epoch == held.epoch
                        held = stored.session
                    case Stop():
                        held = None
                        assert state.phase is Phase.STOPPED
                    case Put(session=session):
                        sent[session.nonce] = now_us
                        waiting.append(effect)
                    case _:
                        waiting.append(effect)
    assert [one.epoch for one in store.history] == sorted(one.epoch for one in store.history)


def carried_out(effect: Effect, store: FakeStore, random: Random) -> list[Event]:
    if isinstance(effect, Read):
        return [Found(store.stored)]
    assert isinstance(effect, Put)
    nonce = effect.session.nonce
    if random.random() < 0.2:
        store.under_way.append(effect)
        return [Unknown(nonce)]
    written = store.put(effect.session, effect.revision)
    if random.random() < 0.2:
        return [Unknown(nonce)]  # the answer was lost
    if written and store.stored:
        return [Written(nonce, store.stored.revision)]
    return [Refused(nonce, store.stored)]
