"""What runs here: only what is owned, only while it may, and stopped with proof."""

import pytest
from tests.cluster.exclusive.bench import Engine, G, evicted, kinds, owner, session, soft, strict

from tandem.cluster.exclusive.events import (
    Answered,
    Clean,
    Done,
    Entitled,
    FenceSelf,
    FoundRunning,
    Refused,
    Say,
    Started,
    StartFailed,
    Stop,
    StopFailed,
    Stopped,
    StoredCluster,
    Unanswered,
    Unknown,
    View,
)
from tandem.cluster.exclusive.events import Start as StartEffect
from tandem.cluster.exclusive.timing import FAST, MS, STANDARD
from tandem.cluster.exclusive.values import Hold, Owner, Token
from tandem.cluster.order import Mode, Order


def runner(b: bool = True) -> Engine:
    """It runs `web` in its first run."""
    others = {"b": session(), "c": session()} if b else {}
    engine = Engine().live(others, {}, {"web": strict("a", "b")})
    engine.done()
    engine.tell(Started("web", 1))
    return engine


def starts(engine: Engine) -> list[StartEffect]:
    return [effect for effect in engine.out if isinstance(effect, StartEffect)]


def stops(engine: Engine) -> list[Stop]:
    return [effect for effect in engine.out if isinstance(effect, Stop)]


def test_what_is_taken_is_started_with_the_revision_of_the_take_as_its_token() -> None:
    engine = Engine().live({"b": session()}, {}, {"web": strict("a", "b")})
    assert starts(engine) == []
    engine.done()
    assert starts(engine) == [StartEffect("web", 1, Token(1, engine.revision))]
    assert engine.state.held == {"web": Token(1, engine.revision)}


def test_a_take_of_unknown_outcome_starts_nothing_until_it_is_read_back() -> None:
    engine = Engine().live({"b": session()}, {}, {"web": strict("a", "b")})
    sent, sent_us = engine.sent, engine.now_us
    engine.tell(Unknown(sent.nonce), FAST.rpc_us)
    assert kinds(engine.out) == ["Read"]
    engine.out = [sent]
    engine.done()
    engine.tell(Answered(engine.view()))
    assert len(engine.state.runs) == 1
    assert engine.state.entitled_until_us == sent_us + G


def test_a_renewal_counts_from_before_its_own_sending() -> None:
    engine = runner()
    engine.tick(FAST.renew_us)
    sent_us = engine.now_us
    engine.done(after_us=90 * MS)
    kill_us = sent_us + FAST.hard_stop_us
    assert [one for one in engine.out if isinstance(one, Entitled)] == [
        Entitled(sent_us + G, kill_us)
    ]


def test_who_cannot_renew_asks_then_kills_then_ends_the_machine() -> None:
    engine = runner(b=False)
    sent_us = engine.state.renewed_until_us - G
    engine.tick(FAST.renew_us)
    engine.tell(Unknown(engine.sent.nonce), FAST.rpc_us)
    engine.tick(sent_us + FAST.soft_stop_us - 1 - engine.now_us)
    assert stops(engine) == []
    assert engine.state.wake_at_us == sent_us + FAST.soft_stop_us
    engine.tick(1)
    assert stops(engine) == [Stop("web", 1, sent_us + FAST.hard_stop_us)]
    assert engine.state.wake_at_us <= sent_us + G - FAST.self_fence_us
    engine.tick(sent_us + G - FAST.self_fence_us - 1 - engine.now_us)
    assert "FenceSelf" not in kinds(engine.out)
    engine.tick(1)
    assert "FenceSelf" in kinds(engine.out)
    engine.tick(1)
    assert "FenceSelf" not in kinds(engine.out)


def test_a_stop_that_is_proven_in_time_ends_nothing_else() -> None:
    engine = runner(b=False)
    engine.tick(FAST.renew_us)
    engine.tell(Unknown(engine.sent.nonce), FAST.rpc_us)
    engine.tick(FAST.soft_stop_us)
    engine.tell(Stopped("web", 1))
    engine.tick(G)
    assert "FenceSelf" not in kinds(engine.out)


def test_after_a_stop_for_want_of_a_renewal_it_runs_again_when_one_is_found() -> None:
    engine = runner()
    token = engine.state.held["web"]
    engine.tick(FAST.renew_us)
    engine.tell(Unknown(engine.sent.nonce), FAST.rpc_us)
    engine.tick(FAST.soft_stop_us)
    engine.tell(Stopped("web", 1))
    engine.tell(Unanswered())
    engine.tell(Answered(engine.view()), FAST.rpc_us)
    engine.done()
    assert starts(engine) == [StartEffect("web", 2, token)]


def test_whoever_was_evicted_stops_all_and_begins_only_after_the_proof() -> None:
    engine = runner()
    kill_us = engine.state.renewed_until_us - G + FAST.hard_stop_us
    engine.sees(a=evicted(epoch=4, revision=engine.revision + 1))
    assert stops(engine) == [Stop("web", 1, kill_us)]
    assert any(isinstance(effect, Say) and "evicted" in effect.sentence for effect in engine.out)
    assert kinds(engine.tick(50 * MS)) == []
    assert kinds(engine.tell(Stopped("web", 1))) == ["Prove"]
    assert kinds(engine.tick(50 * MS)) == []
    assert kinds(engine.tell(Clean())) == ["Read"]
    engine.tell(Answered(engine.view()))
    assert engine.stored["a"].session.epoch == 4
    assert engine.state.chain.attempts[-1].session.epoch == 5


def test_a_proof_that_comes_before_something_was_found_is_none() -> None:
    engine = Engine()
    engine.tick(0)
    engine.tell(FoundRunning("web"))
    assert engine.tell(Clean()) == []
    assert kinds(engine.tell(Stopped("web", 1))) == ["Prove"]


@pytest.mark.parametrize("order", [strict("a", "b"), soft("a", "b")], ids=["strict", "soft"])
def test_a_stop_that_fails_ends_the_machine(order: Order) -> None:
    engine = Engine().live({"b": session(), "c": session()}, {}, {"web": order})
    engine.done()
    (effect,) = [
        one
        for one in engine.tell(StopFailed("web", 1, "It is stuck on a disk."))
        if isinstance(one, FenceSelf)
    ]
    assert "web cannot be stopped: It is stuck on a disk" in effect.reason


def test_what_is_said_of_an_earlier_run_is_not_taken_for_this_one() -> None:
    engine = runner()
    before = engine.state.runs
    for event in (
        Stopped("web", 0),
        StartFailed("web", 0, ""),
        StopFailed("web", 0, ""),
        Started("web", 0),
    ):
        engine.tell(event)
        assert engine.state.runs == before
        assert engine.out == []


def test_what_somebody_else_started_is_stopped() -> None:
    engine = Engine().live({"b": session()}, {"web": owner("b")}, {"web": strict("b", "a")})
    engine.tell(FoundRunning("web"))
    found_us = engine.now_us
    assert stops(engine) == [Stop("web", 1, found_us + FAST.hard_stop_us - FAST.soft_stop_us)]


def test_a_start_that_failed_is_given_back_and_not_tried_here_for_a_while() -> None:
    engine = runner()
    engine.tell(StartFailed("web", 1, "No such program."))
    assert engine.carried == {"owners/web": Owner("a", 3, Hold.RELEASED, 1, 1)}
    failed_us = engine.now_us
    engine.done()
    while engine.now_us + FAST.renew_us < failed_us + FAST.failed_us:
        assert engine.carried == {}
        engine.renews()
    engine.tick(failed_us + FAST.failed_us - engine.now_us)
    assert engine.carried == {"owners/web": Owner("a", 3, Hold.HELD, 1, 1)}


def test_a_move_stops_then_releases_and_never_starts_again_by_an_old_view() -> None:
    engine = runner()
    engine.sees_order("web", strict("b", "a", generation=2))
    assert stops(engine) == [Stop("web", 1, None)]
    assert engine.carried == {}
    engine.tell(Stopped("web", 1))
    assert engine.carried == {"owners/web": Owner("a", 3, Hold.RELEASED, 1, 1)}
    engine.sees_order("web", strict("a", "b", generation=3))
    engine.tell(Unknown(engine.state.under_way), FAST.rpc_us)
    engine.tell(Answered(engine.view()))
    assert starts(engine) == []
    assert engine.carried == {"owners/web": Owner("a", 3, Hold.RELEASED, 1, 1)}


@pytest.mark.parametrize(
    ("order", "moves"),
    [
        (strict("b", "a", generation=1), False),
        (strict("b", "a", generation=2), True),
        (strict("d", "a", generation=2), False),
        (strict("a", "b", generation=2), False),
        (strict("b", generation=2), True),
        (strict(generation=1), True),
    ],
    ids=["came back", "moved", "moved to the dead", "stays", "banned", "nowhere"],
)
def test_it_moves_only_for_a_later_order_and_to_a_node_that_is_well(
    order: Order, moves: bool
) -> None:
    engine = runner()
    engine.orders["web"] = order
    engine.sees()
    assert bool(stops(engine)) == moves


def test_what_runs_stays_where_its_order_cannot_be_read_until_it_fails() -> None:
    engine = runner()
    why = "It has version 2. Run the same release on all nodes."
    said = Say(f"Resource web is left as it is on this node, and not taken: {why}")
    assert said in engine.cannot_read_order("web", why)
    assert said not in engine.cannot_read_order("web", why), "once is enough"
    engine.renews(3)
    assert stops(engine) == []
    assert list(engine.state.runs) == ["web"]
    engine.tell(StartFailed("web", 1, "It has ended."))
    assert engine.carried == {"owners/web": Owner("a", 3, Hold.RELEASED, 1, 1)}
    engine.done()
    engine.tick(FAST.failed_us)
    assert engine.carried == {}


def test_what_is_shared_by_now_is_stopped_and_released() -> None:
    engine = runner()
    engine.sees_order("web", Order(("a",), 2, Mode.SHARED))
    assert stops(engine) == [Stop("web", 1, None)]
    engine.tell(Stopped("web", 1))
    assert engine.carried == {"owners/web": Owner("a", 3, Hold.RELEASED, 1, 1)}
    engine.done()
    engine.renews()
    assert engine.carried == {}


def test_a_planned_stop_is_hastened_when_the_guarantee_runs_out() -> None:
    engine = runner()
    sent_us = engine.state.renewed_until_us - G
    engine.sees_order("web", strict("b", "a", generation=2))
    engine.tick(FAST.renew_us)
    engine.tell(Unknown(engine.sent.nonce), FAST.rpc_us)
    engine.tick(sent_us + FAST.soft_stop_us - engine.now_us)
    assert stops(engine) == [Stop("web", 1, sent_us + FAST.hard_stop_us)]


def test_a_restored_store_stops_all_and_begins_anew() -> None:
    engine = runner()
    engine.cluster, engine.revision = StoredCluster(2, 40), 30
    engine.sees()
    assert len(stops(engine)) == 1
    assert kinds(engine.tell(Stopped("web", 1))) == ["Prove"]


def test_a_view_of_an_earlier_incarnation_is_worth_nothing() -> None:
    engine = runner()
    before = engine.state
    engine.cluster = StoredCluster(0, 900)
    engine.sees(a=evicted(epoch=9, revision=999))
    assert engine.state.peers == before.peers
    assert engine.state.is_live
    assert stops(engine) == []


def test_a_soft_resource_starts_early_where_a_majority_suspects_its_owner() -> None:
    engine = Engine().live({"b": session()}, {"web": owner("b")}, {"web": soft("b", "a", "c")})
    engine.suspects(a="b")
    assert starts(engine) == []
    engine.suspects(a="b", c="b")
    assert starts(engine) == [StartEffect("web", 1, None)]
    assert list(engine.carried) == ["owners/web"]
    engine.done()
    assert (starts(engine), stops(engine)) == ([], [])
    engine.renews(2 * FAST.undo_soft_us // FAST.renew_us)
    assert [run.number for run in engine.state.runs.values()] == [1]
    assert stops(engine) == []


def test_an_early_start_is_undone_where_the_store_does_not_confirm_it() -> None:
    engine = Engine(timing=STANDARD)
    engine.live({"b": session()}, {"web": owner("b")}, {"web": soft("b", "a", "c")})
    engine.suspects(a="b", c="b")
    engine.tell(Unknown(engine.state.under_way), STANDARD.rpc_us)
    engine.tick(STANDARD.undo_soft_us - STANDARD.rpc_us - 1)
    assert stops(engine) == []
    engine.tick(1)
    assert stops(engine) == [Stop("web", 1, engine.now_us)]
    engine.tell(Stopped("web", 1))
    assert starts(engine) == []


def test_an_early_start_is_undone_when_its_owner_is_back() -> None:
    engine = Engine().live({"b": session()}, {"web": owner("b")}, {"web": soft("b", "a", "c")})
    engine.suspects(a="b", c="b")
    engine.suspects(a="b")
    assert stops(engine) == [Stop("web", 1, engine.now_us)]


def test_only_the_named_successor_starts_early() -> None:
    orders = {"web": soft("b", "c", "a")}
    engine = Engine("abcde").live({"b": session()}, {"web": owner("b")}, orders)
    engine.suspects(a="b", c="b", d="b")
    assert starts(engine) == []
    engine.suspects(a="bc", d="bc", e="bc")
    assert len(starts(engine)) == 1


def test_whoever_hears_no_majority_drops_what_is_soft_and_keeps_what_is_strict() -> None:
    orders = {"soft": soft("a", "b"), "strict": strict("a", "b")}
    engine = Engine().live({"b": session(), "c": session()}, {}, orders)
    engine.done()
    assert len(starts(engine)) == 2
    engine.suspects(a="b")
    assert stops(engine) == []
    engine.suspects(a="bc")
    assert [stop.resource for stop in stops(engine)] == ["soft"]


def test_what_was_dropped_for_want_of_a_majority_starts_again_by_a_new_take_alone() -> None:
    engine = Engine().live({"b": session(), "c": session()}, {}, {"web": soft("a", "b")})
    engine.done()
    engine.tell(Started("web", 1))
    engine.suspects(a="bc")
    engine.tell(Stopped("web", 1))
    seen = list(engine.out)
    seen += engine.suspects(a="")
    assert not [effect for effect in seen if isinstance(effect, StartEffect)]
    assert engine.state.held == {}


def test_nobody_takes_what_is_soft_without_hearing_a_majority() -> None:
    engine = Engine().live({"b": session(), "c": session()})
    engine.suspects(a="bc")
    engine.sees_order("web", soft("a", "b"))
    engine.tick(FAST.renew_us)
    assert engine.carried == {}
    engine.done()
    engine.suspects(a="")
    assert "owners/web" in engine.carried


def test_a_late_answer_of_a_session_that_is_over_starts_nothing() -> None:
    engine = Engine().live({"b": session()}, {}, {"web": strict("a", "b")})
    sent = engine.sent
    engine.sees(a=evicted(epoch=4, revision=engine.revision + 2))
    engine.tell(Done(sent.nonce, engine.revision - 1, None))
    assert starts(engine) == []
    engine.tell(Refused(sent.nonce, View(engine.revision, engine.cluster, {}, {}, is_whole=False)))
    assert starts(engine) == []
