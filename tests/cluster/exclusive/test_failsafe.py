"""Holding on while the store is down: on everybody's promise, and on nobody's silence."""

import pytest
from tests.cluster.exclusive.bench import WAIT, Engine, G, evicted, kinds, owner, session, strict

from tandem.cluster.exclusive.events import (
    Ask,
    Effect,
    Entitled,
    Promise,
    Received,
    Send,
    Started,
    Stop,
    Unanswered,
    Unknown,
)
from tandem.cluster.exclusive.state import with_nodes
from tandem.cluster.exclusive.timing import FAST, MS
from tandem.cluster.session import Stored

OLD = FAST.wait_us // FAST.renew_us + 2


def holder(nodes: str = "abc", **sessions: Stored) -> Engine:
    """It runs `web`, and knows the others by a renewal that surely happened."""
    known = sessions or {name: session() for name in nodes[1:]}
    engine = Engine(nodes).live(known, {}, {"web": strict("a", "b")})
    engine.done()
    engine.tell(Started("web", 1))
    engine.renews(3)
    return engine


def store_down(engine: Engine) -> int:
    """It sends a renewal that nobody answers; when it had sent the last that counts."""
    sent_us = engine.state.renewed_until_us - G
    engine.tick(FAST.renew_us)
    engine.tell(Unknown(engine.sent.nonce), FAST.rpc_us)
    return sent_us


def asks(effects: list[Effect]) -> list[tuple[str, int]]:
    return [
        (effect.to, effect.message.of_epoch)
        for effect in effects
        if isinstance(effect, Send) and isinstance(effect.message, Ask)
    ]


def promise(engine: Engine, node: str, epoch: int = 1, **changed: int) -> list[Effect]:
    number = changed.get("number", engine.state.ask_count)
    answer = Promise(node, epoch, number, changed.get("holder_epoch", 3), 1)
    return engine.tell(Received(answer), 1 * MS)


def until_us(effects: list[Effect]) -> list[int]:
    return [effect.until_us for effect in effects if isinstance(effect, Entitled)]


def test_a_holder_asks_all_that_had_a_session_as_soon_as_a_renewal_is_overdue() -> None:
    engine = holder("abcd", b=session(epoch=4), c=session(epoch=6), d=evicted())
    store_down(engine)
    assert asks(engine.out) == [("b", 4), ("c", 6)]
    engine.tell(Unanswered(), FAST.renew_us)
    assert asks(engine.out) == [("b", 4), ("c", 6)]


def test_with_all_promises_the_guarantee_counts_from_before_the_question() -> None:
    engine = holder()
    store_down(engine)
    asked_us = engine.now_us
    assert until_us(promise(engine, "b")) == []
    assert until_us(promise(engine, "c")) == [asked_us + G]


def test_without_one_of_the_promises_what_runs_is_stopped_in_time() -> None:
    engine = holder()
    sent_us = store_down(engine)
    promise(engine, "b")
    engine.tick(sent_us + FAST.soft_stop_us - engine.now_us)
    assert [effect for effect in engine.out if isinstance(effect, Stop)] == [
        Stop("web", 1, sent_us + FAST.hard_stop_us)
    ]


@pytest.mark.parametrize(
    "changed", [{"epoch": 2}, {"number": 99}, {"holder_epoch": 2}], ids=lambda one: next(iter(one))
)
def test_a_promise_of_another_life_or_to_another_question_counts_for_nothing(
    changed: dict[str, int],
) -> None:
    engine = holder()
    store_down(engine)
    promise(engine, "b")
    assert until_us(promise(engine, "c", **changed)) == []


def test_promises_of_less_than_a_majority_count_for_nothing() -> None:
    """Others may begin sessions that this node cannot know (E5)."""
    engine = holder("abcde", b=session())
    store_down(engine)
    assert until_us(promise(engine, "b")) == []


def test_a_majority_is_one_of_as_many_nodes_as_its_session_tells() -> None:
    """That is what others know of it: an administrator's change may not have reached the store."""
    engine = holder("abc", b=session(), c=evicted())
    engine.state = with_nodes(engine.state, "abcde", ())
    store_down(engine)
    engine.state = with_nodes(engine.state, "abc", ())
    assert until_us(promise(engine, "b")) == []


def test_whoever_came_since_the_last_renewal_that_surely_happened_is_asked_but_not_counted() -> (
    None
):
    engine = holder("abc", b=evicted(), c=evicted())
    engine.sees(b=session(epoch=3, revision=engine.revision + 1))
    store_down(engine)
    assert asks(engine.out) == [("b", 3)]
    assert until_us(promise(engine, "b", epoch=3)) == []


def test_one_node_alone_holds_on_without_its_store() -> None:
    engine = holder("a")
    store_down(engine)
    assert engine.state.entitled_until_us == engine.now_us + G


def asked(engine: Engine, **changed: int) -> list[Effect]:
    question = Ask(
        "b",
        changed.get("epoch", 1),
        changed.get("number", 7),
        changed.get("of_epoch", 3),
        changed.get("incarnation", 1),
    )
    return engine.tell(Received(question))


def old() -> Engine:
    engine = Engine().live({"b": session(), "c": session()})
    engine.renews(OLD)
    return engine


def test_whoever_is_asked_promises_under_its_own_epoch() -> None:
    engine = old()
    assert asked(engine) == [Send("b", Promise("a", 3, 7, 1, 1))]
    assert engine.state.promised_us == {"b": engine.now_us}


def test_a_question_that_comes_again_is_not_answered_again() -> None:
    engine = old()
    asked(engine)
    promised_us = engine.state.promised_us
    engine.tick(1 * MS)
    assert asked(engine) == []
    assert asked(engine, number=6) == []
    assert engine.state.promised_us == promised_us
    assert kinds(asked(engine, number=8)) == ["Send"]


@pytest.mark.parametrize("changed", [{"epoch": 2}, {"of_epoch": 2}, {"incarnation": 2}])
def test_nothing_is_promised_for_another_session_than_the_own(changed: dict[str, int]) -> None:
    assert asked(old(), **changed) == []


def test_a_young_process_promises_nothing() -> None:
    engine = Engine().live({"b": session(), "c": session()})
    while engine.now_us < engine.state.started_us + WAIT:
        assert asked(engine) == []
        engine.renews()
    assert kinds(asked(engine)) == ["Send"]


def test_nothing_is_promised_to_whoever_was_evicted() -> None:
    engine = old()
    engine.sees(b=evicted(revision=engine.revision + 1))
    assert asked(engine) == []


def test_nothing_is_promised_while_an_eviction_of_its_own_may_yet_happen() -> None:
    engine = old()
    engine.suspects(a="b", c="b")
    engine.tell(Unknown(engine.sent.nonce), FAST.rpc_us)
    engine.suspects()
    assert asked(engine) == []


def test_a_holder_knows_whom_it_asked_by_the_attempt_and_not_by_what_it_saw_later() -> None:
    """Its renewal says what it had seen; who began since may not be bound by that (E5)."""
    engine = holder("abc", b=session(), c=evicted())
    store_down(engine)
    engine.sees(c=session(epoch=3, revision=engine.revision + 1))
    engine.tell(Unanswered(), FAST.renew_us)
    assert asks(engine.out) == [("b", 1)]
    assert until_us(promise(engine, "b")) != []


def test_the_owner_in_the_store_is_not_asked_for_what_is_not_run() -> None:
    engine = Engine().live({"b": session()}, {"web": owner("b")}, {"web": strict("b", "a")})
    engine.renews(3)
    store_down(engine)
    assert asks(engine.out) == []
