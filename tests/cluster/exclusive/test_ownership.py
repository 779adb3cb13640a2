"""When nobody else can run a resource any more."""

import pytest
from tests.cluster.exclusive.bench import WAIT, Engine, evicted, owner, session, soft, strict

from tandem.cluster.exclusive.events import Ask, Received, StoredOwner
from tandem.cluster.exclusive.ownership import free_at_us
from tandem.cluster.exclusive.state import NEVER
from tandem.cluster.exclusive.timing import FAST, MS
from tandem.cluster.exclusive.values import Hold
from tandem.cluster.model import SessionState
from tandem.cluster.order import Mode
from tandem.cluster.session import Stored


def free_at(engine: Engine, mode: Mode = Mode.STRICT) -> int:
    return free_at_us(engine.state, "web", mode)


def engine_where(stored: StoredOwner, b: Stored) -> Engine:
    return Engine().live({"b": b}, {"web": stored}, {"web": strict("c")})


@pytest.mark.parametrize(
    ("stored", "b"),
    [
        (owner("b", hold=Hold.RELEASED), session()),
        (owner("b", incarnation=0), session()),
        (owner("b", epoch=1), session(epoch=2)),
        (owner("b", epoch=1), evicted(epoch=3)),
        (owner("b", epoch=1), session(epoch=2, state=SessionState.OFF)),
        (owner("a", epoch=2), session()),
    ],
    ids=[
        "released",
        "restored store",
        "begun anew",
        "begun anew and evicted",
        "off",
        "own, before",
    ],
)
def test_it_is_free_at_once_when_its_owner_is_proven_to_have_stopped(
    stored: StoredOwner, b: Stored
) -> None:
    assert free_at(engine_where(stored, b)) == 0


def test_it_is_free_if_nobody_ever_owned_it() -> None:
    assert free_at(Engine().live()) == 0


@pytest.mark.parametrize("stored", [owner("b"), owner("a", epoch=3), owner("d")])
def test_it_is_not_free_while_its_owner_may_run_it(stored: StoredOwner) -> None:
    assert free_at(engine_where(stored, session())) == NEVER


@pytest.mark.parametrize("state", [SessionState.EVICTED, SessionState.OFF])
@pytest.mark.parametrize("mode", [Mode.STRICT, Mode.SOFT])
def test_an_old_eviction_says_nothing_of_an_owner_that_has_begun_again(
    state: SessionState, mode: Mode
) -> None:
    engine = engine_where(owner("b"), session(epoch=2, state=state))
    engine.now_us += 2 * WAIT
    engine.sees_owner("web", owner("b", epoch=3, revision=90))
    assert free_at(engine, mode) == NEVER


def test_an_evicted_owner_is_waited_for_from_its_last_renewal_if_that_was_seen() -> None:
    engine = engine_where(owner("b"), session(counter=7))
    engine.now_us += 100 * MS
    engine.sees(b=session(counter=8, revision=11))
    seen_us = engine.now_us
    engine.now_us += 500 * MS
    engine.sees(b=evicted(counter=8))
    assert free_at(engine) == seen_us + WAIT


def test_an_evicted_owner_is_waited_for_from_the_eviction_if_its_last_renewal_was_not_seen() -> (
    None
):
    engine = engine_where(owner("b"), session(counter=7))
    engine.now_us += 500 * MS
    engine.sees(b=evicted(counter=8))
    assert free_at(engine) == engine.now_us + WAIT


def test_the_same_counter_of_an_earlier_session_is_another_renewal() -> None:
    engine = engine_where(owner("b", epoch=5), session(epoch=3, counter=7))
    engine.now_us += 500 * MS
    engine.sees(b=evicted(epoch=6, counter=7))
    assert free_at(engine) == engine.now_us + WAIT


def test_seeing_the_eviction_again_does_not_prolong_the_wait() -> None:
    engine = engine_where(owner("b"), evicted(counter=8))
    at_us = free_at(engine)
    engine.now_us += 500 * MS
    engine.sees()
    assert free_at(engine) == at_us


def test_a_promise_is_waited_for_as_well() -> None:
    engine = engine_where(owner("b"), session(counter=7))
    engine.renews(10)
    engine.tell(Received(Ask("b", 1, 1, of_epoch=3, incarnation=1)), 50 * MS)
    promised_us = engine.now_us
    engine.sees(b=evicted(counter=17, revision=999))
    assert free_at(engine) == promised_us + WAIT


def test_a_soft_resource_is_not_waited_for() -> None:
    engine = engine_where(owner("b"), session())
    assert free_at(engine, Mode.SOFT) == NEVER
    engine.suspects(a="b", c="b")
    assert free_at(engine, Mode.SOFT) == 0
    engine.suspects()
    engine.sees(b=evicted())
    assert free_at(engine, Mode.SOFT) == 0


def test_what_is_free_is_taken_in_the_order_of_the_plan() -> None:
    first = Engine().live({"b": session()}, {}, {"web": strict("a", "b")})
    assert list(first.carried) == ["owners/web"]
    second = Engine().live({"b": session()}, {}, {"web": strict("b", "a")})
    assert second.carried == {}
    second.tick(FAST.renew_us - 1 * MS)
    assert second.carried == {}
    second.done(0)
    second.tick(1 * MS)
    assert list(second.carried) == ["owners/web"]
    alone = Engine().live({"b": evicted()}, {}, {"web": strict("b", "a")})
    assert list(alone.carried) == ["owners/web"]
    stranger = Engine().live({}, {}, {"web": soft("b", "c")})
    assert stranger.carried == {}
