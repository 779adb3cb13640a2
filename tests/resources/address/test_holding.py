"""What the holder of an address decides, without any kernel."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.resources.address.played import ETH0, LONG_US, RIVAL, T0, TOKEN, Played, begin, held

from tandem.cluster.exclusive.values import Token
from tandem.resources.address.events import (
    Add,
    Added,
    Announce,
    Begin,
    Begun,
    Drop,
    Event,
    Extend,
    Failed,
    Heard,
    LinkIs,
    Probe,
    Refused,
    Remove,
    Removed,
    Tick,
)
from tandem.resources.address.health import health
from tandem.resources.address.holding import Phase
from tandem.resources.address.neighbours import Claim
from tandem.resources.address.timing import (
    ANNOUNCE_AFTER_US,
    ANNOUNCE_EACH_US,
    DEFEND_GAP_US,
    LATEST_EXPIRY_US,
    PROBE_US,
    PROBES,
    REFRESH_US,
    TROUBLE_US,
)


def test_the_network_is_asked_before_the_kernel_gets_the_address() -> None:
    played = Played()
    played.take(begin())
    played.until(T0 + PROBE_US)
    kinds = [type(effect) for _, effect in played.done]
    assert kinds == [Probe] * PROBES + [Add, Announce, Begun]
    assert played.times_of(Probe) == [0, 5_000, 10_000]
    assert played.times_of(Add) == [PROBE_US]


@pytest.mark.parametrize("is_probe", [False, True])
def test_who_answers_keeps_the_address_and_is_named(is_probe: bool) -> None:
    played = Played()
    played.take(begin())
    played.until(T0 + 15_000)
    (refused,) = played.take(Heard(replace(RIVAL, is_probe=is_probe)))
    assert isinstance(refused, Refused)
    assert "02:00:00:00:00:02" in refused.why
    assert "eth0" in refused.why
    played.until(T0 + LONG_US)
    assert not played.times_of(Add)


def test_it_is_refreshed_ten_times_a_second_as_long_as_the_node_is_entitled() -> None:
    played = held()
    played.until(T0 + 2_000_000)
    gaps = {b - a for a, b in pairwise(played.times_of(Add))}
    assert gaps == {REFRESH_US}


def test_its_arrival_is_told_several_times_and_then_each_second() -> None:
    played = Played()
    played.take(begin())
    played.until(T0 + 4_000_000)
    first, *_ = told = played.times_of(Announce)
    burst = [at_us - first for at_us in told[: len(ANNOUNCE_AFTER_US)]]
    assert burst == list(ANNOUNCE_AFTER_US)
    later = told[len(ANNOUNCE_AFTER_US) - 1 :]
    assert {b - a for a, b in pairwise(later)} == {ANNOUNCE_EACH_US}
    assert len(later) >= 3


def test_nothing_is_refreshed_or_told_when_the_kernel_could_not_forget_in_time() -> None:
    until_us = T0 + 3_000_000
    played = held(until_us)
    played.until(T0 + LONG_US)
    last_us = until_us - LATEST_EXPIRY_US - T0
    assert max(played.times_of(Add)) < last_us
    assert max(played.times_of(Announce)) < last_us
    assert last_us - max(played.times_of(Add)) <= REFRESH_US
    for _, effect in played.done:
        if isinstance(effect, Add | Announce):
            assert effect.before_us == until_us - LATEST_EXPIRY_US


def test_when_its_time_is_up_it_is_removed_and_never_taken_again_by_itself() -> None:
    played = held(T0 + 3_000_000)
    played.until(T0 + LONG_US)
    assert played.times_of(Remove) == [3_000_000]
    assert played.state.phase is Phase.IDLE
    played.done.clear()
    played.take(Extend(T0 + 3 * LONG_US))
    played.until(T0 + 2 * LONG_US)
    assert not played.done


def test_a_late_renewal_finds_it_still_entitled_and_it_goes_on() -> None:
    played = held(T0 + 3_000_000)
    played.until(T0 + 2_500_000)
    stopped_us = max(played.times_of(Add))
    played.take(Extend(T0 + LONG_US))
    played.until(T0 + 4_000_000)
    resumed_us = min(at_us for at_us in played.times_of(Add) if at_us > stopped_us)
    assert resumed_us <= 2_500_000 + REFRESH_US


def test_an_earlier_deadline_changes_nothing() -> None:
    played = held()
    played.take(Extend(T0))
    assert played.state.until_us == T0 + LONG_US


def test_the_same_token_again_only_prolongs() -> None:
    played = held()
    assert played.take(begin(T0 + 2 * LONG_US)) == [Begun()]
    assert played.state.until_us == T0 + 2 * LONG_US


def test_the_same_token_again_while_the_network_is_asked_waits_for_the_answer() -> None:
    played = Played()
    played.take(begin())
    assert played.take(begin()) == []
    played.until(T0 + PROBE_US)
    assert played.times_of(Begun) == [PROBE_US]


def test_another_token_is_refused_while_it_is_held() -> None:
    played = held()
    (refused,) = played.take(begin(token=Token(1, 6)))
    assert isinstance(refused, Refused)
    assert "1.5" in refused.why
    assert played.state.token == TOKEN


@pytest.mark.parametrize(
    ("until_us", "by_us"),
    [
        (T0 + LATEST_EXPIRY_US + PROBE_US, T0 + LONG_US),
        (T0 - 1, T0 + LONG_US),
        (T0 + LONG_US, T0 + PROBE_US),
        (T0 + LONG_US, T0 - 1),
    ],
)
def test_a_start_that_must_be_late_is_refused_at_once(until_us: int, by_us: int) -> None:
    played = Played()
    (refused,) = played.take(begin(until_us, by_us))
    assert isinstance(refused, Refused)
    assert played.state.phase is Phase.IDLE


def test_a_start_that_was_held_up_until_it_is_late_is_refused_at_its_end() -> None:
    played = Played()
    played.take(begin(by_us=T0 + 1_000_000))
    played.until(T0 + PROBE_US * 3 // 4)
    played.now_us = T0 + 1_000_000
    (refused,) = played.take(Tick())
    assert isinstance(refused, Refused)
    assert not played.times_of(Add)


def test_what_the_kernel_refuses_is_told_and_taken_back() -> None:
    played = Played()
    played.kernel_answer = Failed("No.")
    played.take(begin())
    played.until(T0 + PROBE_US)
    assert [effect for _, effect in played.done][-2:] == [Remove(), Refused("No.")]
    assert played.state.phase is Phase.IDLE


def test_a_drop_removes_at_once_whatever_it_is_at() -> None:
    for at_us in (0, 15_000, PROBE_US, 500_000):
        played = Played()
        played.take(begin())
        played.until(T0 + at_us)
        effects = played.take(Drop())
        assert effects[0] == Remove()
        assert any(isinstance(each, Refused) for each in effects) == (at_us < PROBE_US)
        played.done.clear()
        played.until(T0 + LONG_US)
        assert not played.done


def test_another_hosts_claim_is_answered_at_once_and_told_for_a_while() -> None:
    played = held()
    played.until(T0 + 1_900_000)
    played.done.clear()
    played.take(Heard(RIVAL))
    played.until(T0 + 1_910_000)
    assert len(played.times_of(Announce)) == 1
    is_well, said = health(played.state, played.now_us)
    assert not is_well
    assert "02:00:00:00:00:02" in said
    assert health(played.state, T0 + 1_900_000 + TROUBLE_US) == (
        True,
        "The address 10.7.0.100 is on eth0.",
    )


def test_two_hosts_that_claim_it_do_not_flood_the_network() -> None:
    played = held()
    played.until(T0 + 3_000_000)
    played.done.clear()
    for at_us in range(3_000_000, 4_000_000, 1_000):
        played.until(T0 + at_us)
        played.take(Heard(RIVAL))
    assert len(played.times_of(Announce)) <= 1_000_000 // DEFEND_GAP_US + 1


def test_a_host_that_only_probes_is_left_to_the_kernels_answer() -> None:
    played = held()
    played.take(Heard(replace(RIVAL, is_probe=True)))
    assert health(played.state, played.now_us)[0]


def test_an_interface_that_comes_back_gets_the_address_again_and_all_are_told() -> None:
    played = held()
    played.until(T0 + 5_000_000)
    played.take(LinkIs(None))
    assert "is gone" in health(played.state, played.now_us)[1]
    played.done.clear()
    played.until(T0 + 6_000_000)
    assert not played.done
    again = replace(ETH0, index=9)
    played.take(LinkIs(again))
    played.until(T0 + 6_060_000)
    kinds = [type(effect) for _, effect in played.done]
    assert kinds[:2] == [Add, Announce]
    assert played.times_of(Announce) == [6_000_000, 6_050_000]
    assert all(getattr(effect, "link", again) == again for _, effect in played.done)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"is_up": False, "is_running": False}, "ip link set eth0 up"),
        ({"is_running": False}, "no carrier"),
    ],
)
def test_an_interface_that_is_down_is_told_and_its_return_is_announced(
    change: dict[str, bool], said: str
) -> None:
    played = held()
    played.until(T0 + 5_500_000)
    played.take(LinkIs(replace(ETH0, **change)))  # type: ignore[arg-type]
    is_well, sentence = health(played.state, played.now_us)
    assert not is_well
    assert said in sentence
    played.done.clear()
    played.take(LinkIs(ETH0))
    played.until(T0 + 5_510_000)
    assert [type(effect) for _, effect in played.done] == [Add, Announce]


def test_a_new_hardware_address_is_told_at_once() -> None:
    played = held()
    played.until(T0 + 5_500_000)
    played.done.clear()
    changed = replace(ETH0, mac=b"\2" * 6)
    played.take(LinkIs(changed))
    played.until(T0 + 5_510_000)
    assert [effect.link for _, effect in played.done if isinstance(effect, Announce)] == [changed]


def test_who_takes_it_from_the_kernel_gets_it_back_at_once() -> None:
    played = held()
    played.until(T0 + 5_510_000)
    played.done.clear()
    played.take(Removed())
    played.until(T0 + 5_510_000)
    assert [type(effect) for _, effect in played.done] == [Add, Announce]


def test_when_the_kernel_takes_it_at_the_end_of_its_time_that_is_the_end() -> None:
    played = held(T0 + 3_000_000)
    played.until(T0 + 2_800_000)
    assert played.take(Removed()) == [Remove()]
    assert played.state.phase is Phase.IDLE


def test_what_is_not_in_the_kernel_is_not_announced_and_the_reason_is_told() -> None:
    played = held()
    played.kernel_answer = Failed("No room.")
    while played.now_us < T0 + 5_000_000:
        played.until(played.now_us + 7_000)
        played.take(Tick())  # it may be woken at any time
    refused_us = min(played.times_of(Add))
    assert all(at_us <= refused_us for at_us in played.times_of(Announce))
    assert health(played.state, played.now_us) == (False, "No room.")
    played.kernel_answer = Added()
    played.until(T0 + 5_200_000)
    assert health(played.state, played.now_us)[0]


def test_an_interface_that_goes_while_the_address_is_taken_ends_the_start() -> None:
    played = Played()
    played.take(begin())
    effects = played.take(LinkIs(None))
    assert [type(each) for each in effects] == [Remove, Refused]


events = st.one_of(
    st.builds(Extend, st.integers(0, 8_000_000).map(lambda us: T0 + us)),
    st.just(Drop()),
    st.builds(Heard, st.builds(Claim, st.just(RIVAL.mac), st.booleans())),
    st.sampled_from([LinkIs(None), LinkIs(ETH0), LinkIs(replace(ETH0, index=7))]),
    st.just(Removed()),
    st.just(Tick()),
    st.builds(
        begin,
        st.integers(0, 8_000_000).map(lambda us: T0 + us),
        st.just(T0 + LONG_US),
        st.sampled_from([TOKEN, Token(1, 6)]),
    ),
)


@given(st.lists(st.tuples(st.integers(0, 1_500_000), events, st.booleans()), max_size=30))
def test_whatever_happens_nothing_is_done_without_a_right_to_it(
    history: list[tuple[int, Event, bool]],
) -> None:
    played = Played()
    entitled_until_us = 0
    for wait_us, event, works in history:
        before = len(played.done)
        played.kernel_answer = Added() if works else Failed("No.")
        played.until(played.now_us + wait_us)
        was_idle = played.state.phase is Phase.IDLE
        if isinstance(event, Begin):
            if was_idle:
                entitled_until_us = event.until_us
            elif played.state.token == event.token:
                entitled_until_us = max(entitled_until_us, event.until_us)
        elif isinstance(event, Extend) and not was_idle:
            entitled_until_us = max(entitled_until_us, event.until_us)
        played.take(event)
        if isinstance(event, Drop):
            entitled_until_us = 0
        for at_us, effect in played.done[before:]:
            if isinstance(effect, Add | Announce):
                assert at_us < effect.before_us
                assert effect.before_us <= played.state.until_us - LATEST_EXPIRY_US or (
                    played.state.phase is Phase.IDLE
                )
        if played.state.phase is not Phase.IDLE:
            assert played.state.until_us == entitled_until_us
