"""Who may end another's session, when, and that whoever may not know of a promise does not."""

from dataclasses import replace

import pytest
from tests.cluster.exclusive.bench import WAIT, Engine, evicted, session

from tandem.cluster.exclusive.events import Ask, Done, Received, Refused, View
from tandem.cluster.exclusive.timing import FAST, MS
from tandem.cluster.model import Session, SessionState
from tandem.cluster.session import Stored

OLD = FAST.wait_us // FAST.renew_us + 2
"""So many renewals make a process old enough to evict."""


def old(nodes: str = "abc", **sessions: Stored) -> Engine:
    """An engine that is old enough, with others that it knows and that know it."""
    engine = Engine(nodes).live(sessions or {"b": session(), "c": session()})
    engine.renews(OLD)
    return engine


def test_whom_a_majority_of_those_with_a_session_suspects_is_evicted() -> None:
    engine = old()
    engine.suspects(a="b")
    assert engine.carried == {}
    engine.suspects(a="b", c="b")
    before = engine.stored["b"]
    assert engine.carried == {
        "sessions/b": replace(before.session, epoch=2, state=SessionState.EVICTED)
    }
    assert engine.sent.writes[1].revision == before.revision


def test_an_eviction_renews_the_own_session_in_the_same_transaction() -> None:
    engine = old()
    engine.suspects(a="b", c="b")
    own = engine.sent.writes[0]
    assert (own.name, own.revision) == ("a", engine.stored["a"].revision)
    assert isinstance(own.value, Session)
    assert own.value.counter == engine.stored["a"].session.counter + 1


def test_words_of_nodes_without_a_session_do_not_count() -> None:
    engine = old(b=session(), c=evicted())
    engine.suspects(a="b", c="b")
    assert engine.carried == {}


def test_whose_counter_has_not_moved_for_long_is_evicted_though_everybody_hears_it() -> None:
    engine = old()
    engine.silent = "b"
    engine.renews(WAIT // FAST.renew_us)
    assert engine.carried == {}
    engine.renews()
    assert list(engine.carried) == ["sessions/b"]


def test_a_counter_that_is_not_looked_at_is_not_one_that_stands_still() -> None:
    engine = old()
    for _ in range(2 * OLD):
        engine.tick(FAST.renew_us)
        assert engine.carried == {}
        engine.revision += 1
        engine.stored["a"] = Stored(engine.state.chain.attempts[-1].session, engine.revision)
        engine.tell(Done(engine.sent.nonce, engine.revision))


def test_a_young_process_evicts_nobody() -> None:
    engine = Engine().live({"b": session(), "c": session()})
    engine.suspects(a="b", c="b")
    while engine.now_us < engine.state.started_us + WAIT - FAST.renew_us:
        assert engine.carried == {}
        engine.renews()
    engine.tick(FAST.renew_us)
    assert list(engine.carried) == ["sessions/b"]


def test_whoever_has_a_promise_is_not_evicted() -> None:
    engine = old()
    engine.tell(Received(Ask("b", 1, 7, of_epoch=3, incarnation=1)))
    assert engine.out
    promised_us = engine.now_us
    engine.suspects(a="b", c="b")
    assert engine.carried == {}
    while engine.now_us + FAST.renew_us < promised_us + WAIT:
        engine.renews()
        assert engine.carried == {}
    engine.tick(FAST.renew_us)
    assert list(engine.carried) == ["sessions/b"]


def test_the_others_evict_only_if_the_first_did_not() -> None:
    engine = Engine("bac").live({"a": session(), "c": session()})
    engine.renews(OLD)
    engine.suspects(a="c", b="c")
    assert engine.carried == {}
    engine.tick(FAST.stagger_us)
    assert list(engine.carried) == ["sessions/c"]


def test_whoever_did_not_know_this_node_when_it_renewed_is_not_evicted_by_it() -> None:
    """It may hold on by promises of the others, and nobody asked this one (E5)."""
    engine = old(b=session(seen=0), c=session())
    engine.silent = "b"
    engine.suspects(a="b", c="b")
    engine.renews(2 * OLD)
    assert "sessions/b" not in engine.carried


def test_whoever_renews_knowing_this_node_may_be_evicted_by_it() -> None:
    engine = old(b=session(seen=0), c=session())
    engine.suspects(a="b", c="b")
    engine.renews()
    assert engine.carried == {}
    engine.sees(b=session(counter=90, revision=190, seen=engine.stored["a"].revision))
    assert list(engine.carried) == ["sessions/b"]


@pytest.mark.parametrize(
    "c",
    [
        session(began=60, revision=70),
        evicted(revision=9),
        session(epoch=2, state=SessionState.OFF),
    ],
    ids=["begun since", "evicted before", "off"],
)
def test_whoever_can_have_no_majority_of_promises_is_evicted_by_a_stranger(c: Stored) -> None:
    """From cold, with a node missing: nobody that it knows is left (E5)."""
    engine = Engine().live({"b": session(seen=40), "c": c})
    engine.silent = "b"
    began_us = engine.now_us
    while engine.now_us + FAST.renew_us < began_us + WAIT:
        engine.renews()
        assert engine.carried == {}
    engine.renews()
    if not engine.carried:
        engine.tick(FAST.renew_us)
    assert list(engine.carried) == ["sessions/b"]


def test_whoever_counts_among_fewer_nodes_is_not_outvoted_by_those_that_joined_since() -> None:
    """It may hold with one promise of three nodes, where one of four would not be enough (E5)."""
    engine = Engine("abcd").live({"b": session(seen=40), "c": session(), "d": evicted(revision=9)})
    engine.silent = "b"
    engine.renews(3 * OLD)
    assert engine.carried == {}


def test_whoever_counts_among_more_nodes_than_this_one_knows_needs_as_many_promises() -> None:
    engine = Engine().live({"b": session(seen=40, nodes=5), "c": session()})
    engine.silent = "b"
    began_us = engine.now_us
    while engine.now_us + FAST.renew_us < began_us + WAIT:
        engine.renews()
        assert engine.carried == {}
    engine.renews()
    if not engine.carried:
        engine.tick(FAST.renew_us)
    assert list(engine.carried) == ["sessions/b"]


def test_a_node_that_this_one_has_not_heard_of_may_have_promised() -> None:
    engine = Engine("ab").live({"b": session(seen=40), "c": session()})
    engine.silent = "b"
    engine.renews(3 * OLD)
    assert engine.carried == {}


def test_a_node_that_was_evicted_after_it_was_known_may_have_promised() -> None:
    engine = Engine().live({"b": session(seen=40), "c": evicted(revision=45)})
    engine.silent = "b"
    engine.renews(3 * OLD)
    assert engine.carried == {}


def test_what_was_refused_is_not_tried_again_at_once() -> None:
    engine = old()
    engine.suspects(a="b", c="b")
    sent = engine.sent
    engine.revision += 1
    moved = session(counter=99, revision=engine.revision)
    view = View(
        engine.revision,
        engine.cluster,
        {"a": engine.stored["a"], "b": moved},
        is_whole=False,
    )
    engine.tell(Refused(sent.nonce, view))
    assert engine.carried == {}
    engine.tick(FAST.retry_us - 1 * MS)
    assert engine.carried == {}
    engine.tick(1 * MS)
    assert engine.sent.writes[1].revision == moved.revision
