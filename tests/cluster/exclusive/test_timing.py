"""What may go wrong with the store fits in before the soft stop, and all that ends before G."""

from dataclasses import replace

import pytest

from tandem.cluster.exclusive.timing import FAST, MS, PRESETS, STANDARD, Timing, TimingError


@pytest.mark.parametrize("timing", PRESETS.values(), ids=PRESETS)
def test_a_preset_survives_the_loss_of_the_stores_leader(timing: Timing) -> None:
    worst_us = timing.renew_us + 2 * timing.election_us + timing.rpc_us
    assert worst_us < timing.soft_stop_us


@pytest.mark.parametrize("timing", PRESETS.values(), ids=PRESETS)
def test_no_clock_within_5_percent_waits_less_than_another_holds(timing: Timing) -> None:
    slow_holder_us = timing.guarantee_us / 0.95
    fast_waiter_us = timing.wait_us / 1.05
    assert fast_waiter_us >= slow_holder_us


def test_what_waits_runs_again_in_time() -> None:
    started_us = 100 * MS
    assert FAST.wait_us + started_us <= 1800 * MS
    assert STANDARD.wait_us + started_us <= 2500 * MS


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"renew_us": 300 * MS}, "renew . store failover . rpc is 1050 ms.* soft stop, 1000 ms"),
        ({"hard_stop_us": 1000 * MS}, "the soft stop is 1000 ms"),
        ({"self_fence_us": 300 * MS}, "hard stop . proof . self-fence is 1550 ms"),
        ({"guarantee_us": 1400 * MS}, "less than the guarantee, 1400 ms"),
        ({"heartbeat_us": 100 * MS}, "etcd's heartbeat x 5 is 500 ms"),
        ({"store_failover_us": 250 * MS}, "etcd's election is 300 ms"),
        ({"renew_us": 0}, "less than the time between renewals, 0 ms"),
    ],
)
def test_times_that_do_not_fit_are_refused(wrong: dict[str, int], what: str) -> None:
    with pytest.raises(TimingError, match=what):
        replace(FAST, **wrong)
