"""Who is suspected, when, and by whom; and what is said of links."""

from collections.abc import Iterable
from dataclasses import replace
from random import Random

import pytest
from tests.cluster.hearing import LATENCY_US, MS, Hearing

from tandem.cluster.heartbeat import OLDEST_MS, Heard, Heartbeat
from tandem.cluster.link_state import BASE_US, MOST_US, PERIOD_US, LinkState, hear
from tandem.cluster.local_health import FORGIVING_TICKS, TICK_US, WORST_SCORE, LocalHealth, tick
from tandem.cluster.settling import CALM_US, SETTLE_US, Verdict, hold_us, judge
from tandem.cluster.suspicion import (
    Beat,
    SuspicionChanged,
    Tick,
    start,
    step,
    with_peers,
)


def cut(*ways: str) -> "list[tuple[str, str, str]]":
    """("a>b x" ...) as sender, receiver, link."""
    return [(way[0], way[2], way[4]) for way in ways]


def blocking(*ways: str) -> Hearing:
    hearing = Hearing()
    hearing.run(2000)
    blocked = cut(*ways)
    hearing.passes = lambda beat: None if (beat.sender, beat.receiver, beat.link) in blocked else 0
    return hearing


def test_while_all_is_well_nothing_is_noticed() -> None:
    hearing = Hearing()
    assert hearing.run(60_000) == []
    link = hearing.states["a"].peers["b"].links["x"]
    assert link.quality.round_trip_us == link.quality.usual_us == 2 * LATENCY_US
    assert link.quality.loss == link.quality.loss_there == 0
    assert link.timeout_us == BASE_US


def test_a_dead_node_is_suspected_by_all_within_half_a_second() -> None:
    hearing = Hearing()
    hearing.run(2000)
    hearing.dead.add("c")
    assert hearing.run(300) == []
    noticed = hearing.run(300)
    assert "a suspects c" in noticed
    assert "b suspects c" in noticed
    # Whether beats reach a silent node is not known.
    assert not [line for line in noticed if " to c" in line]
    (at_us,) = {at for at, _, what in hearing.log if isinstance(what, SuspicionChanged)}
    assert 400 * MS < at_us - 3_000_000 <= (400 + 100 + 50) * MS


def test_one_link_down_is_no_suspicion_and_both_ends_know_the_direction() -> None:
    hearing = blocking("a>b x")
    assert sorted(hearing.run(2000)) == ["a: x to b down", "b: x from a down"]
    assert not any(hearing.suspected().values())


def test_who_is_heard_by_another_is_not_suspected_but_its_links_are_down() -> None:
    hearing = blocking("c>b x", "c>b y")
    noticed = hearing.run(10_000)
    assert "b: x from c down" in noticed
    assert "b: y from c down" in noticed
    assert not any(hearing.suspected().values())
    reached = {name: set(state.reached) for name, state in hearing.states.items()}
    assert reached == {"a": {"b", "c"}, "b": {"a"}, "c": {"a"}}, "a question needs both ways"
    hearing.dead.add("c")
    assert "b suspects c" in hearing.run(700)
    assert hearing.states["a"].reached == {"b"}


def test_two_nodes_do_not_keep_a_dead_third_alive_by_telling_each_other() -> None:
    hearing = Hearing()
    hearing.run(2000)
    hearing.dead.add("c")
    hearing.run(1000)
    assert hearing.suspected()["a"] == hearing.suspected()["b"] == {"c"}


def test_an_isolated_node_suspects_all_and_all_suspect_it() -> None:
    hearing = blocking(*(f"{a}>{b} {x}" for a, b in ("ca", "cb", "ac", "bc") for x in "xy"))
    hearing.run(1000)
    assert hearing.suspected() == {"a": {"c"}, "b": {"c"}, "c": {"a", "b"}}


def test_a_node_that_was_paused_does_not_suspect_the_others() -> None:
    """It was deaf, and they were not silent. They do suspect it, rightly."""
    hearing = Hearing()
    hearing.run(2000)
    hearing.dead.add("a")
    hearing.run(3000)
    hearing.dead.clear()
    noticed = hearing.run(3000)
    assert not [line for line in noticed if line.startswith("a suspects")]
    assert "b hears again a" in noticed


def test_a_node_whose_ticks_are_late_waits_longer_before_it_suspects() -> None:
    def suspected_at_ms(ticks_ms: Iterable[int]) -> int | None:
        state = start("a", ["x"], ["b"], 0)
        for at_ms in ticks_ms:
            state, _ = step(state, Tick(), at_ms * MS)
            if state.suspected:
                return at_ms
        return None

    assert suspected_at_ms(range(50, 9000, 50)) == 450
    # One late tick: silence counts from there, and for twice as long.
    assert suspected_at_ms([50, *range(200, 9000, 50)]) == 200 + 850
    # Who never runs in time passes no verdict.
    assert suspected_at_ms(range(200, 9000, 200)) is None


def test_the_score_falls_as_slowly_as_it_rose_quickly() -> None:
    health = LocalHealth(0, 0)
    for _ in range(5):
        health = tick(health, health.ticked_us + 3 * TICK_US)
    assert health.score == WORST_SCORE
    assert health.listening_us == health.ticked_us
    for _ in range(FORGIVING_TICKS):
        assert health.score == WORST_SCORE
        health = tick(health, health.ticked_us + TICK_US)
    assert health.score == WORST_SCORE - 1


def test_a_peer_whose_beats_vary_more_gets_more_time() -> None:
    random = Random(1)
    hearing = Hearing()
    hearing.passes = lambda beat: random.randrange(300) * MS if beat.sender == "c" else 0
    hearing.run(10_000)
    links = hearing.states["a"].peers
    assert links["b"].links["x"].timeout_us == BASE_US
    assert BASE_US + 100 * MS < links["c"].links["x"].timeout_us <= MOST_US
    assert not hearing.states["a"].suspected


def test_an_outage_does_not_count_as_variation() -> None:
    link = LinkState(heard_us=0, started_us=1, counter=1)
    link = hear(link, beat(counter=2), 3_600_000_000)
    assert link.deviation_us == (BASE_US - PERIOD_US) // 4


def test_who_comes_and_goes_must_be_heard_for_longer_each_time() -> None:
    holds = []
    verdict, now_us = Verdict(), 0
    for _ in range(9):
        verdict = judge(verdict, now_us, is_heard=False)
        back_us = now_us
        while verdict.is_down:
            now_us += TICK_US
            verdict = judge(verdict, now_us, is_heard=True)
        holds.append(now_us - back_us - TICK_US)
    assert holds == [SETTLE_US << min(n, 6) for n in range(9)]
    now_us += CALM_US
    assert judge(verdict, now_us, is_heard=False).flaps == 0


def test_a_pause_while_settling_begins_it_anew() -> None:
    verdict = judge(Verdict(), 0, is_heard=False)
    verdict = judge(verdict, 10, is_heard=True)
    verdict = judge(verdict, 20, is_heard=False)
    verdict = judge(verdict, 30, is_heard=True)
    assert judge(verdict, 29 + hold_us(0), is_heard=True).is_down
    assert not judge(verdict, 30 + hold_us(0), is_heard=True).is_down


def beat(counter: int = 1, started_us: int = 1, **changes: object) -> Heartbeat:
    made = Heartbeat(1, "b", "a", "x", started_us, counter, sent_us=counter)
    return replace(made, **changes)  # type: ignore[arg-type]


def test_a_beat_that_was_recorded_and_sent_again_is_no_sign_of_life() -> None:
    state = start("a", ["x"], ["b"], 0)
    state, _ = step(state, Beat(beat(counter=7)), 100)
    for replayed in (beat(counter=7), beat(counter=6), beat(counter=99, started_us=0)):
        assert step(state, Beat(replayed), 200) == (state, [])
    assert step(state, Beat(beat(counter=8)), 200)[0] != state
    assert step(state, Beat(beat(counter=1, started_us=2)), 200)[0] != state


def test_what_a_slower_link_brings_again_is_no_later_sign_of_life() -> None:
    state = start("a", ["x", "y"], ["b", "c"], 0)
    told = beat(counter=7, heard=(Heard("c", "x", 0), Heard("a", "x", 0)))
    state, _ = step(state, Beat(told), 100)
    state, _ = step(state, Beat(replace(told, link="y")), 90_000)
    assert state.peers["c"].relayed_us == 100
    assert state.peers["b"].links["x"].arrived_us == 100
    state, _ = step(state, Beat(replace(told, counter=8)), 100_000)
    assert state.peers["c"].relayed_us == 100_000
    assert state.peers["b"].links["x"].arrived_us == 100_000


@pytest.mark.parametrize(
    "stray", [beat(receiver="c"), beat(sender="z"), beat(sender="a"), beat(link="z")]
)
def test_a_beat_of_a_stranger_or_for_another_is_ignored(stray: Heartbeat) -> None:
    state = start("a", ["x"], ["b"], 0)
    assert step(state, Beat(stray), 100) == (state, [])


def test_words_about_strangers_and_very_old_ones_are_ignored() -> None:
    state = start("a", ["x"], ["b", "c"], 0)
    words = (Heard("z", "x", 5), Heard("a", "z", 5), Heard("c", "x", OLDEST_MS), Heard("b", "x", 1))
    state, _ = step(state, Beat(beat(heard=words)), 10**9)
    assert state.peers["c"].relayed_us is None
    assert state.peers["b"].relayed_us is None
    assert set(state.peers) == {"b", "c"}


def test_loss_is_counted_by_what_is_missing_between_counters() -> None:
    random = Random(2)
    hearing = Hearing()
    hearing.passes = lambda beat: None if beat.link == "y" and random.random() < 0.3 else 0
    hearing.run(30_000)
    links = hearing.states["a"].peers["b"].links
    assert links["x"].quality.loss == 0
    assert 0.2 < links["y"].quality.loss < 0.4


def test_each_end_of_a_link_knows_what_is_lost_in_either_direction() -> None:
    random = Random(3)
    hearing = Hearing()
    hearing.passes = lambda beat: None if beat.sender == "a" and random.random() < 0.3 else 0
    hearing.run(30_000)
    at_a = hearing.states["a"].peers["b"].links["x"].quality
    at_b = hearing.states["b"].peers["a"].links["x"].quality
    assert at_a.loss == at_b.loss_there == 0
    assert at_a.loss_there is not None
    assert abs(at_a.loss_there - at_b.loss) < 0.02
    assert 0.2 < at_b.loss < 0.4


def test_a_peer_that_was_never_heard_is_suspected_after_a_timeout() -> None:
    hearing = Hearing(dead={"c"})
    hearing.run(1000)
    assert hearing.suspected()["a"] == {"c"}


def test_a_new_peer_has_a_whole_timeout_and_an_old_one_keeps_its_state() -> None:
    hearing = Hearing()
    hearing.run(5000)
    state = with_peers(hearing.states["a"], ["a", "b", "d"], hearing.now_us)
    assert state.peers["b"] is hearing.states["a"].peers["b"]
    assert set(state.peers) == {"b", "d"}
    state, _ = step(state, Tick(), hearing.now_us + TICK_US)
    assert not state.suspected


def test_a_restarted_peer_is_heard_at_once_though_its_counter_begins_anew() -> None:
    hearing = Hearing()
    hearing.run(5000)
    hearing.begin("c")
    assert hearing.run(5000) == []


def test_a_flapping_node_is_not_cleared_between_its_flaps() -> None:
    hearing = Hearing()
    hearing.run(1000)
    cleared = 0
    for _ in range(12):
        hearing.dead.add("c")
        hearing.run(1000)
        hearing.dead.clear()
        cleared += "a hears again c" in hearing.run(1000)
    assert 1 <= cleared <= 3
    hearing.run(30_000)
    assert hearing.suspected()["a"] == set()


def test_each_node_knows_whom_the_others_suspect_that_it_hears() -> None:
    site = Hearing()
    site.run(1_000)
    site.dead.add("c")
    site.run(1_500)
    gone = frozenset({"c"})
    assert site.states["a"].words == {"a": gone, "b": gone}
    site.dead.add("b")
    site.run(1_500)
    assert site.states["a"].words == {"a": frozenset({"b", "c"})}, "the dead have no word"
