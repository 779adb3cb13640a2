"""Which backups are kept (pure): the last 24, and of each of the last seven days the newest.

Their order is that of incarnation and revision, which are in their names: a clock that was set back
must not make the newest seem the oldest. The day is by the clock, and decides on the older ones.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from tandem.node.backup.document import Header

HOURLY: Final = 24
DAILY: Final = 7

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NAME: Final = re.compile(r"store-i(\d+)-r(\d+)-(\d{8})T\d{6}Z\.backup")


def name_of(header: Header) -> str:
    """The name of a backup's file."""
    at = _EPOCH + timedelta(microseconds=header.at_us)
    return f"store-i{header.incarnation}-r{header.revision}-{at:%Y%m%dT%H%M%SZ}.backup"


def newest_first(names: Iterable[str]) -> list[str]:
    """Those that are backups, by their names."""
    found = [match for name in names if (match := _NAME.fullmatch(name))]
    found.sort(key=lambda match: (int(match[1]), int(match[2])), reverse=True)
    return [match[0] for match in found]


def superfluous(names: Iterable[str]) -> list[str]:
    """Those that may go. What is no backup by its name is nobody's to delete."""
    ordered = newest_first(names)
    days: dict[str, str] = {}
    for name in ordered:
        match = _NAME.fullmatch(name)
        if match:
            days.setdefault(match[3], name)
    kept = {*ordered[:HOURLY], *list(days.values())[:DAILY]}
    return [name for name in ordered if name not in kept]
