"""Times as people write them on a command line. Pure, but for the machine's time zone."""

import re
from datetime import datetime, timedelta, tzinfo
from typing import Final

_UNITS_US: Final = {
    "d": 86_400_000_000,
    "h": 3_600_000_000,
    "m": 60_000_000,
    "s": 1_000_000,
}
_RELATIVE = re.compile(r"-((?:\d{1,9}[dhms])+)", re.ASCII)
_PART = re.compile(r"(\d+)([dhms])", re.ASCII)
_ABSOLUTE = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?))?\s?([Zz]|[+-]\d\d:\d\d)?",
    re.ASCII,
)

_HOW: Final = (
    "Write 2026-11-22T14:00:00+01:00, or 2026-11-22 14:00 in this machine's own time zone, or how "
    "long ago: -10m, -90s, -1h30m; or now."
)


class TimeError(ValueError):
    """This is no time, or not one time; the message says what to write."""


def parse_time(text: str, now_us: int, zone: tzinfo | None = None) -> int:
    """Read a time.

    Args:
        text: RFC 3339, with a blank instead of the T if you like; without an offset it is of
            `zone`, and without a time of day its midnight. Or `now`, or `-1h30m`.
        now_us: the time, UTC.
        zone: for times without an offset; None: the machine's.

    Returns:
        UTC microseconds.

    Raises:
        TimeError: it is none, or before 1970; or the clocks of the zone showed it twice, or never.
    """
    time_us = _read(text, now_us, zone)
    if time_us < 0:
        raise TimeError(f"'{text}' is before 1970. {_HOW}")
    return time_us


def _read(text: str, now_us: int, zone: tzinfo | None) -> int:
    if text == "now":
        return now_us
    if relative := _RELATIVE.fullmatch(text):
        parts = _PART.findall(relative[1])
        return now_us - sum(int(number) * _UNITS_US[unit] for number, unit in parts)
    absolute = _ABSOLUTE.fullmatch(text)
    if absolute is None:
        raise TimeError(f"'{text}' is no time. {_HOW}")
    day, clock, offset = absolute.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock or '00:00'}{(offset or '').upper()}")
        return _utc_us(moment) if offset else _local_us(text, moment, zone)
    except (ValueError, OverflowError) as problem:
        if isinstance(problem, TimeError):
            raise
        raise TimeError(f"'{text}' is no time: {problem}. {_HOW}") from None


def _local_us(text: str, moment: datetime, zone: tzinfo | None) -> int:
    """A time without an offset: one that the zone's clocks showed exactly once."""
    before, after = (moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    first_us, second_us = _utc_us(before), _utc_us(after)
    if first_us == second_us:
        return first_us
    # PEP 495: what clocks skip is read with the offset before the change, so it comes out later.
    happens = "was shown twice" if first_us < second_us else "was skipped"
    offsets = sorted(_offset(moment, us) for us in (first_us, second_us))
    meant = " or ".join(f"{moment.isoformat()}{offset}" for offset in offsets)
    raise TimeError(
        f"'{text}' {happens} by this machine's clock when its time changed. Say which time is "
        f"meant with an offset: {meant}."
    )


def _utc_us(moment: datetime) -> int:
    """Without the rounding of floating point, which a time since 1970 does not survive."""
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * 1_000_000 + moment.microsecond


def _offset(moment: datetime, utc_us: int) -> str:
    """By how much a reading of a clock is ahead of UTC, as "+01:00"."""
    seconds = (moment - datetime(1970, 1, 1)) // timedelta(seconds=1) - utc_us // 1_000_000  # noqa: DTZ001
    sign, minutes = "-" if seconds < 0 else "+", abs(seconds) // 60
    return f"{sign}{minutes // 60:02}:{minutes % 60:02}"
