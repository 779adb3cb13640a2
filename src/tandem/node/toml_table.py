"""Reading a table of a TOML file so that whatever is wrong is said by its key, with a remedy."""

import difflib
import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any, Final, TypeVar

_T = TypeVar("_T")

UNITS: Final = {
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "TiB": 1 << 40,
}

_SIZE: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) ?([A-Za-z]+)")


class SettingsError(ValueError):
    """The settings cannot be used; names the file and the key, and says what to write."""


class Table:
    """One table of a settings file; an unknown key in it is refused at once.

    Args:
        values: as `tomllib` gives them.
        known: the keys that it may have.
        place: how messages name it: the file, then the table.

    Raises:
        SettingsError: there is an unknown key.
    """

    def __init__(self, values: Mapping[str, Any], known: Collection[str], place: str) -> None:
        self._values = values
        self._place = place
        for key in values:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                meant = f"Did you mean {near[0]!r}?" if near else f"Known are {_list(known)}."
                raise self.error(key, f"there is no such option. {meant}")

    def has(self, key: str) -> bool:
        """Whether a key is there."""
        return key in self._values

    def error(self, key: str, sentence: str) -> SettingsError:
        """What to raise against a key."""
        return SettingsError(f"{self._place}: {key}: {sentence}")

    def text(self, key: str, example: str) -> str:
        """A text that is not empty."""
        return self._of(key, str, "a text in quotes", f'"{example}"')

    def flag(self, key: str) -> bool:
        """True or false."""
        return self._of(key, bool, "true or false, without quotes", "true")

    def whole(self, key: str, least: int, most: int) -> int:
        """A whole number in a range."""
        value = self._of(key, int, "a whole number, without quotes", str(least))
        if not least <= value <= most:
            raise self.error(key, f"{value} is impossible; it is from {least} to {most}.")
        return value

    def identity(self, key: str, example: str) -> str:
        """A name that is part of paths and messages."""
        value = self.text(key, example)
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", value):
            raise self.error(
                key,
                f"{value!r} is no name. Use up to 64 letters, digits, '-' and '_', beginning with a"
                f' letter or digit, such as "{example}".',
            )
        return value

    def path(self, key: str, example: str) -> Path:
        """An absolute path, without '..'."""
        path = Path(self.text(key, example))
        if not path.is_absolute() or ".." in path.parts:
            raise self.error(key, f'{str(path)!r} is no whole path. Write, say, "{example}".')
        return path

    def address(self, key: str) -> str:
        """An IP address of one machine."""
        text = self.text(key, "10.0.1.1")
        try:
            found: IPv4Address | IPv6Address = ip_address(text)
        except ValueError:
            raise self.error(
                key,
                f"{text!r} is no IP address. Write it without a mask and a port, such as"
                ' "10.0.1.1"; a host name may lead elsewhere just when it matters.',
            ) from None
        if found.is_unspecified or found.is_multicast:
            raise self.error(key, f"{text} is no address of one machine; see `ip address`.")
        return str(found)

    def size_bytes(self, key: str) -> int:
        """A size, with its unit."""
        text = self._of(key, str, "a size with its unit, in quotes", '"500 GB"')
        found = _SIZE.fullmatch(text)
        if not found or found[2] not in UNITS:
            raise self.error(
                key, f'{text!r} is no size. Write a number and one of {_list(UNITS)}: "500 GB".'
            )
        return int(Decimal(found[1]) * UNITS[found[2]])

    def table(self, key: str, known: Collection[str]) -> "Table":
        """A table inside; empty where there is none."""
        values = self._values.get(key, {})
        if not isinstance(values, dict):
            raise self.error(key, f"it is a table. Write [{key}] on a line of its own.")
        return Table(values, known, f"{self._place}: [{key}]")

    def tables(self, key: str, known: Collection[str], title: str | None = None) -> list["Table"]:
        """A list of tables inside; empty where there is none.

        Args:
            key: of the list.
            known: the keys of each.
            title: its whole name, where that is not the key.
        """
        values = self._values.get(key, [])
        title = title or key
        if not isinstance(values, list) or not all(isinstance(it, dict) for it in values):
            raise self.error(key, f"it is a list of tables. Write [[{title}]] above each of them.")
        return [
            Table(value, known, f"{self._place}: [[{title}]] number {number}")
            for number, value in enumerate(values, 1)
        ]

    def _of(self, key: str, kind: type[_T], what: str, example: str) -> _T:
        if key not in self._values:
            raise self.error(key, f"it is missing. Write, say, {key} = {example}")
        value = self._values[key]
        is_wrong_flag = isinstance(value, bool) and kind is not bool  # a bool is an int, in Python
        if not isinstance(value, kind) or is_wrong_flag or value == "":
            raise self.error(key, f"it has to be {what}. Write, say, {key} = {example}")
        return value


def _list(names: Collection[str]) -> str:
    return ", ".join(names)
