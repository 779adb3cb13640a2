"""Resources as a table."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tandem.cli.common import table

Json = dict[str, Any]


def resource_lines(found: Sequence[Json]) -> list[str]:
    """Resources as a table; nothing where there are none."""
    if not found:
        return []
    rows = [("NAME", "KIND", "MODE", "STATE", "ON", "NEXT", "MOVED")]
    rows += [
        (
            it["resource_id"],
            it["kind"],
            it["mode"],
            it["state"],
            ", ".join(it["nodes"]) or "-",
            ", ".join(it["next"]) or "-",
            instant(it["moved_us"][-1]) if it["moved_us"] else "-",
        )
        for it in found
    ]
    return table(rows)


def instant(at_us: int) -> str:
    """A time, as it is shown."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
