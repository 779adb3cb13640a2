"""How fast a disk is, read from etcd's counters."""

from tandem.node.etcd.care.pace import HOUR_US, WINDOW_US, Pace, Sample, p99_us, parse

INF = float("inf")
BOUNDS = (0.001, 0.064, 0.128, INF)
SHOWN = """# TYPE etcd_disk_wal_fsync_duration_seconds histogram
etcd_disk_wal_fsync_duration_seconds_bucket{le="0.001"} 29
etcd_disk_wal_fsync_duration_seconds_bucket{le="8.192"} 1.034e+03
etcd_disk_wal_fsync_duration_seconds_bucket{le="+Inf"} 1034
etcd_disk_wal_fsync_duration_seconds_sum 0.016310851999999997
# TYPE etcd_server_leader_changes_seen_total counter
etcd_server_leader_changes_seen_total 7
"""


def sample(*counts: int, leaders: int = 1) -> Sample:
    return Sample(BOUNDS, counts, leaders)


def test_counters_are_read_as_etcd_shows_them() -> None:
    assert parse(SHOWN) == Sample((0.001, 8.192, INF), (29, 1034, 1034), 7)
    assert parse("<html>") == Sample()


def test_the_slowest_hundredth_is_found_within_its_bucket() -> None:
    start = sample(0, 0, 0, 0)
    assert p99_us(start, sample(1000, 1000, 1000, 1000)) == 990
    assert p99_us(start, sample(900, 980, 1000, 1000)) == 96_000
    assert p99_us(start, sample(0, 0, 0, 1000)) == 128_000


def test_too_few_writes_say_nothing() -> None:
    assert p99_us(sample(0, 0, 0, 0), sample(0, 0, 99, 99)) is None


def test_a_slow_spell_is_over_when_it_is_five_minutes_old() -> None:
    pace = Pace()
    pace.note(0, sample(0, 0, 0, 0))
    pace.note(1, sample(0, 0, 500, 500))
    assert (pace.fsync_p99_us or 0) > 64_000
    pace.note(WINDOW_US, sample(500, 500, 1000, 1000))
    pace.note(WINDOW_US + 10, sample(1000, 1000, 1500, 1500))
    pace.note(2 * WINDOW_US, sample(2000, 2000, 2500, 2500))
    assert pace.fsync_p99_us == 990


def test_leader_changes_are_those_of_an_hour() -> None:
    pace = Pace()
    pace.note(0, sample(1, 1, 1, 1, leaders=1))
    pace.note(10, sample(1, 1, 1, 1, leaders=5))
    assert pace.leader_changes == 4
    pace.note(HOUR_US + 11, sample(1, 1, 1, 1, leaders=6))
    assert pace.leader_changes == 0


def test_a_member_that_was_started_again_counts_anew() -> None:
    pace = Pace()
    pace.note(0, sample(0, 0, 500, 500, leaders=9))
    pace.note(1, sample(5, 5, 5, 5, leaders=1))
    assert pace.leader_changes == 0
    assert pace.fsync_p99_us is None
