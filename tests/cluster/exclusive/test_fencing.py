"""Fencing: after a committed eviction alone, and believed for that eviction alone."""

from tests.cluster.exclusive.bench import Engine, evicted, kinds, owner, session, strict

from tandem.cluster.exclusive.events import Fence, Fenced, FencingFailed, Say
from tandem.cluster.exclusive.timing import FAST
from tandem.cluster.model import Session, SessionState


def where_b_owns() -> Engine:
    engine = Engine(fences="bc").live(
        {"b": session(), "c": session()}, {"web": owner("b")}, {"web": strict("b", "a")}
    )
    assert kinds(engine.out) == ["Entitled"]
    return engine


def test_a_node_is_fenced_after_its_eviction_and_not_before() -> None:
    engine = where_b_owns()
    engine.suspects(a="b", c="b")
    assert engine.out == []
    engine.sees(b=evicted(counter=2, revision=150))
    assert engine.out == [Fence("b", 2)]
    assert engine.tick(1000) == []


def test_a_node_that_owns_nothing_is_not_fenced() -> None:
    engine = where_b_owns()
    engine.sees(c=evicted(counter=2, revision=150))
    assert engine.out == []


def test_what_is_confirmed_is_free_at_once_and_told_in_the_same_transaction() -> None:
    engine = where_b_owns()
    engine.sees(b=evicted(counter=2, revision=150))
    engine.tell(Fenced("b", 2))
    off = engine.carried["sessions/b"]
    assert isinstance(off, Session)
    assert (off.state, off.epoch, off.counter) == (SessionState.OFF, 2, 2)
    assert "owners/web" in engine.carried


def test_a_confirmation_is_of_no_later_eviction() -> None:
    engine = where_b_owns()
    engine.owners["web"] = owner("b", epoch=3, revision=149)
    engine.sees(b=evicted(epoch=4, counter=2, revision=150))
    engine.tell(Fenced("b", 2))
    assert engine.carried == {}


def test_fencing_that_failed_is_told_and_tried_again() -> None:
    engine = where_b_owns()
    engine.sees(b=evicted(counter=2, revision=150))
    (said,) = engine.tell(FencingFailed("b", 2, "No route to 10.0.0.9."))
    assert said == Say("Node b could not be fenced: No route to 10.0.0.9.")
    engine.tick(FAST.fence_retry_us)
    assert Fence("b", 2) in engine.out
