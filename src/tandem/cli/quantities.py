"""Durations, sizes, rates and ages, as people write and read them. Pure."""

import re
from typing import Final

_DURATION: Final = re.compile(r"([0-9]{1,9}) ?(s|m|min|h|d|w)")
_DURATION_S: Final = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_SIZE: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?) ?(M|G|T)(B|iB)?")
_POWERS: Final = {"M": 2, "G": 3, "T": 4}


class QuantityError(ValueError):
    """This is no such quantity; the message says what to write."""


def parse_duration_s(text: str) -> int:
    """Read a duration such as "10m", "36h", "30d" or "2w".

    Raises:
        QuantityError: it is none.
    """
    if not (found := _DURATION.fullmatch(text.strip())):
        raise QuantityError(f"'{text}' is no duration. Write, say, 90s, 10m, 36h, 30d or 4w.")
    return int(found[1]) * _DURATION_S[found[2]]


def parse_size_bytes(text: str) -> int:
    """Read a size such as "500G", "1.5 TB" (powers of 1000) or "2TiB" (powers of 1024).

    Raises:
        QuantityError: it is none.
    """
    if not (found := _SIZE.fullmatch(text.strip())):
        raise QuantityError(f"'{text}' is no size. Write, say, 500G, 1.5TB or 2TiB.")
    unit: int = (1024 if found[3] == "iB" else 1000) ** _POWERS[found[2]]
    return round(float(found[1]) * unit)


def duration(seconds: float) -> str:
    """Two parts at most: "45 s", "10 min", "2 h 30 min", "12 d"."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 and seconds % 1 else f"{seconds:.0f} s"
    seconds = round(seconds)
    for unit_s, unit, part_s, part in (
        (86_400, "d", 3_600, "h"),
        (3_600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if seconds >= unit_s:
            whole, rest = divmod(seconds, unit_s)
            parts = rest // part_s
            few = whole < 10
            return f"{whole} {unit} {parts} {part}" if parts and few else f"{whole} {unit}"
    raise AssertionError(seconds)


def size(count_bytes: float) -> str:
    """Three digits: "400 GB", "1.50 TB"; negative where something has to go."""
    for unit, power in (("TB", 4), ("GB", 3), ("MB", 2)):
        if abs(count_bytes) >= 1000**power:
            value = count_bytes / 1000**power
            return f"{value:.{max(0, 2 - len(str(abs(int(value)))) + 1)}f} {unit}"
    return f"{count_bytes / 1000:.0f} kB"


def offset(microseconds: int) -> str:
    """How far a clock is off: "+12 ms", "-3.2 s", "+15 d"."""
    sign, value_us = ("-" if microseconds < 0 else "+"), abs(microseconds)
    if value_us < 1_000_000:
        return f"{sign}{value_us / 1000:.0f} ms"
    return sign + duration(value_us / 1e6)
