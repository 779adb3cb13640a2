"""Reading the options of a definition, so that whatever is wrong is said by its name."""

import difflib
import math
import re
from collections.abc import Collection, Mapping
from typing import Final

from tandem.resources.kind import OptionError

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Options:
    """The options of one resource, or of one check; an unknown one is refused at once.

    Args:
        owner: how messages name it: `Resource web`, `Check 2 of resource web`.
        values: as read from JSON or TOML.
        known: the options that it may have.

    Raises:
        OptionError: there is an unknown option.
    """

    def __init__(self, owner: str, values: Mapping[str, object], known: Collection[str]) -> None:
        self._owner = owner
        self._values = values
        for name in values:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                meant = f"Did you mean {near[0]!r}?" if near else f"Known are {_listed(known)}."
                raise self.error(name, f"there is no such option. {meant}")

    def error(self, name: str, sentence: str) -> OptionError:
        """What to raise against an option."""
        return OptionError(f"{self._owner}: {name}: {sentence}")

    def has(self, name: str) -> bool:
        """Whether an option is given."""
        return name in self._values

    def text(self, name: str, default: str | None = None) -> str:
        """A text that is not empty.

        Args:
            name: of the option.
            default: what it is where it is not given; None: it must be.

        Raises:
            OptionError: it is none.
        """
        value = self._values.get(name, default)
        if not isinstance(value, str) or not value or "\0" in value:
            raise self.error(name, "write a text that is not empty.")
        return value

    def flag(self, name: str) -> bool:
        """Yes or no; no where it is not given.

        Raises:
            OptionError: it is neither.
        """
        value = self._values.get(name, False)
        if not isinstance(value, bool):
            raise self.error(name, "write true or false.")
        return value

    def whole(self, name: str, least: int, most: int, default: int | None = None) -> int:
        """A whole number between these, both included.

        Raises:
            OptionError: it is none.
        """
        value = self._values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.error(name, f"write a whole number from {least} to {most}.")
        return value

    def seconds_us(self, name: str, least_s: float, most_s: float, default_s: float) -> int:
        """A time that is given in seconds, in microseconds.

        Raises:
            OptionError: it is none, or not between these.
        """
        value = self._values.get(name, default_s)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (is_number and isinstance(value, int | float) and math.isfinite(value)):
            raise self.error(name, "write a number of seconds.")
        if not least_s <= value <= most_s:
            raise self.error(name, f"write a number of seconds from {least_s:g} to {most_s:g}.")
        return round(value * 1_000_000)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts that is not empty.

        Raises:
            OptionError: it is none.
        """
        value = self._values.get(name)
        if (
            not isinstance(value, list | tuple)
            or not value
            or not all(isinstance(item, str) and "\0" not in item for item in value)
        ):
            raise self.error(name, 'write a list of texts, as in ["one", "two"].')
        return tuple(value)

    def table(self, name: str) -> Mapping[str, object]:
        """A table of names and values; empty where it is not given.

        Raises:
            OptionError: it is none.
        """
        value = self._values.get(name, {})
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise self.error(name, "write a table of names and values.")
        return value


def checked_id(resource_id: str) -> str:
    """A resource's name, which becomes a part of paths.

    Raises:
        OptionError: it cannot be one.
    """
    if not _ID.fullmatch(resource_id):
        raise OptionError(
            f"{resource_id!r} cannot name a resource. Use up to 64 letters, digits, dots, dashes"
            " and underscores, the first a letter or a digit."
        )
    return resource_id


def _listed(names: Collection[str]) -> str:
    return ", ".join(repr(name) for name in sorted(names))
