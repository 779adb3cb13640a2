"""Durations as people write them: `90s`, `10min`, `36h`, `30d`."""

import re
from typing import Final

import click

_UNITS: Final = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}
_DURATION: Final = re.compile(r"([0-9]{1,9}) ?([a-z]+)")


class Duration(click.ParamType[int]):
    """A whole number with its unit; the command gets seconds."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, context: click.Context | None
    ) -> int:
        """See `click.ParamType.convert`."""
        if isinstance(value, int):
            return value
        found = _DURATION.fullmatch(str(value))
        if not found or found[2] not in _UNITS:
            self.fail(
                f"{value!r} is no duration. Write, say, 90s, 10min, 36h or 30d.", param, context
            )
        return int(found[1]) * _UNITS[found[2]]


DURATION: Final = Duration()
