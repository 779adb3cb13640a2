"""Times as people write them: each is understood in one way, or refused."""

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.archive.export.result import rfc3339
from tandem.cli.times import TimeError, parse_time

NOW_US = 1_795_000_000_000_000
BERLIN = ZoneInfo("Europe/Berlin")
MOMENTS = st.datetimes(datetime.fromisoformat("1971-01-01"), datetime.fromisoformat("2100-01-01"))
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def utc_us(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@given(MOMENTS, OFFSETS, st.sampled_from(["T", " ", "t"]))
def test_a_time_with_an_offset_is_what_it_says_wherever_it_is_read(
    moment: datetime, offset: timezone, between: str
) -> None:
    there = moment.replace(tzinfo=offset)
    text = there.isoformat(between, timespec="microseconds")
    assert parse_time(text, NOW_US, BERLIN) == utc_us(there)


@given(st.integers(0, 4_000_000_000_000_000))
def test_what_results_say_is_read_as_it_was(time_us: int) -> None:
    assert parse_time(rfc3339(time_us), NOW_US, BERLIN) == time_us


@given(MOMENTS)
def test_a_time_without_an_offset_is_the_only_one_that_clocks_showed_so_or_refused(
    moment: datetime,
) -> None:
    shown = [
        candidate
        for hours in (1, 2)
        if (candidate := (moment - timedelta(hours=hours)).replace(tzinfo=UTC))
        .astimezone(BERLIN)
        .replace(tzinfo=None, fold=0)
        == moment
    ]
    try:
        found = parse_time(moment.isoformat(" "), NOW_US, BERLIN)
    except TimeError:
        assert len(shown) != 1
    else:
        assert [utc_us(one) for one in shown] == [found]


def test_an_hour_that_was_shown_twice_is_refused_with_both_offsets() -> None:
    with pytest.raises(TimeError, match="twice") as refused:
        parse_time("2026-10-25 02:30", NOW_US, BERLIN)
    for offset in ("+01:00", "+02:00"):
        assert f"2026-10-25T02:30:00{offset}" in str(refused.value)
    named = [parse_time(f"2026-10-25 02:30{offset}", NOW_US) for offset in ("+02:00", "+01:00")]
    assert named[1] - named[0] == 3_600_000_000


def test_an_hour_that_was_skipped_is_refused_with_both_offsets() -> None:
    with pytest.raises(TimeError, match="skipped") as refused:
        parse_time("2026-03-29T02:30:00.5", NOW_US, BERLIN)
    for offset in ("+01:00", "+02:00"):
        assert f"2026-03-29T02:30:00.500000{offset}" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-11-22 14:00", "2026-11-22T13:00:00.000000Z"),
        ("2026-07-22T14:00:05", "2026-07-22T12:00:05.000000Z"),
        ("2026-11-22", "2026-11-21T23:00:00.000000Z"),
        ("2026-11-22 14:00:00.25", "2026-11-22T13:00:00.250000Z"),
        ("2026-11-22T14:00Z", "2026-11-22T14:00:00.000000Z"),
        ("2026-11-22 14:00 -03:30", "2026-11-22T17:30:00.000000Z"),
        ("now", "2026-11-18T11:06:40.000000Z"),
        ("-90s", "2026-11-18T11:05:10.000000Z"),
        ("-10m", "2026-11-18T10:56:40.000000Z"),
        ("-1h30m", "2026-11-18T09:36:40.000000Z"),
        ("-2d", "2026-11-16T11:06:40.000000Z"),
    ],
)
def test_each_way_to_write_a_time_is_understood(text: str, meant: str) -> None:
    assert rfc3339(parse_time(text, NOW_US, BERLIN)) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "14:00",
        "10m",
        "-10",
        "-m",
        "- 10m",
        "+10m",
        "yesterday",
        "22.11.2026 14:00",
        "2026-13-01",
        "2026-02-30 10:00",
        "2026-11-22 24:30",
        "2026-11-22 14:00 CET",
        "2026-11-22T14",
        "20261122T140000Z",
        "2026-W47-7",
        "2026-11-22T23:59:60Z",
        "2026-11-22 14:00:00.1234567",
        "2026-11-22 14:00+25:00",
        "\u0662026-11-22",
        "-30000d",
        "1969-12-31T23:59:59Z",
        "0001-01-01",
        "-999999999d-999999999d",
    ],
)
def test_what_is_no_time_is_refused_with_how_to_write_one(text: str) -> None:
    with pytest.raises(TimeError, match="-1h30m; or now"):
        parse_time(text, NOW_US, BERLIN)


@given(st.text(max_size=40))
def test_whatever_is_typed_is_a_time_or_refused(text: str) -> None:
    with suppress(TimeError):
        assert parse_time(text, NOW_US, BERLIN) >= 0


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("in_berlin")
def test_the_machines_own_zone_is_used_where_none_is_given() -> None:
    assert rfc3339(parse_time("2026-11-22 14:00", NOW_US)) == "2026-11-22T13:00:00.000000Z"
    with pytest.raises(TimeError, match="twice"):
        parse_time("2026-10-25 02:30", NOW_US)
