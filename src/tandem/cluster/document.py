"""Stored values: JSON with a version, read with a sentence for whatever is wrong.

Unknown fields are passed over, so that a later release may add some; they are not written back. A
field whose loss would matter therefore raises the version, which an earlier release refuses.
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NoReturn, TypeGuard, TypeVar, cast

VERSION: Final = 1
"""Of all values under `/tandem/v1/`. It is raised where an earlier release would misread one."""

MOST_WHOLE: Final = (1 << 62) - 1
"""What everybody can count: SQLite, C and JSON's readers."""

MOST_NUMBER: Final = 1_000_000_000
"""Of rates and capacities; sums of as many cameras as one likes are still exact."""

Choice = TypeVar("Choice", bound=StrEnum)


class StoredValueError(ValueError):
    """A value in the store cannot be used; the message says which, why, and what to do."""


def encode(fields: Mapping[str, object]) -> bytes:
    """A stored value: compact JSON, the version first, the fields in the order given."""
    document = {"version": VERSION, **fields}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


class Document:
    """The fields of one stored value.

    Args:
        what: what it describes, for messages: "camera 'gate'".
        fields: as they stand in the JSON object.
        source: what holds it, for messages.
    """

    def __init__(self, what: str, fields: Mapping[str, object], source: str = "the store") -> None:
        self.what = what
        self._fields = fields
        self._source = source

    @classmethod
    def read(cls, what: str, data: bytes) -> "Document":
        """Parse a stored value.

        Raises:
            StoredValueError: it is no JSON object, or has another version.
        """
        try:
            fields = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise StoredValueError(
                f"What the store holds of {what} is not JSON ({error}). Something other than Tandem"
                " has written there: remove that key, and enter it again."
            ) from error
        if not isinstance(fields, dict):
            raise StoredValueError(f"What the store holds of {what} is not a JSON object.")
        version = fields.get("version")
        if isinstance(version, bool) or not isinstance(version, int):
            raise StoredValueError(f"What the store holds of {what} names no version.")
        if version != VERSION:
            raise StoredValueError(
                f"What the store holds of {what} has version {version}, and this release of Tandem"
                f" reads version {VERSION}. Run the same release on all nodes."
            )
        return cls(what, fields)

    def text(self, name: str, default: str | None = None) -> str:
        """A string."""
        value = self._value(name, default)
        if not isinstance(value, str):
            self._refuse(name, "text", value)
        return value

    def optional_text(self, name: str) -> str | None:
        """A string, or None where there is none."""
        return None if self._fields.get(name) is None else self.text(name)

    def whole(self, name: str, default: int | None = None, most: int = MOST_WHOLE) -> int:
        """A whole number, not negative."""
        value = self._value(name, default)
        if not _is_whole(value, most):
            self._refuse(name, f"a whole number from 0 to {most}", value)
        return value

    def optional_whole(self, name: str, most: int = MOST_WHOLE) -> int | None:
        """A whole number, not negative, or None where there is none."""
        return None if self._fields.get(name) is None else self.whole(name, most=most)

    def flag(self, name: str, *, default: bool) -> bool:
        """True or false."""
        value = self._value(name, default)
        if not isinstance(value, bool):
            self._refuse(name, "true or false", value)
        return value

    def positive(self, name: str) -> float:
        """A number above zero. JSON as Python reads it knows NaN and Infinity; these are none."""
        value = self._value(name, None)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._refuse(name, "a number", value)
        if not 0 < value <= MOST_NUMBER:
            self._refuse(name, f"a number above zero, {MOST_NUMBER} at most", value)
        return float(value)

    def choice(self, name: str, kind: type[Choice], default: Choice | None = None) -> Choice:
        """One of the values of an enumeration."""
        value = self.text(name, default)
        if value not in {member.value for member in kind}:
            self._refuse(name, "one of " + ", ".join(kind), value)
        return kind(value)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        values = self._list(name)
        if not all(isinstance(value, str) for value in values):
            self._refuse(name, "a list of texts", values)
        return tuple(cast(list[str], values))

    def whole_list(self, name: str) -> tuple[int, ...]:
        """A list of whole numbers, not negative."""
        values = self._list(name)
        if not all(_is_whole(value, MOST_WHOLE) for value in values):
            self._refuse(name, "a list of whole numbers", values)
        return tuple(cast(list[int], values))

    def table(self, name: str) -> dict[str, object]:
        """An object, as it stands."""
        value = self._value(name, {})
        if not isinstance(value, dict):
            self._refuse(name, "an object", value)
        return value

    def wholes(self, name: str, most: int = MOST_WHOLE) -> dict[str, int]:
        """An object of whole numbers, not negative."""
        found = self.table(name)
        if not all(_is_whole(value, most) for value in found.values()):
            self._refuse(name, f"an object of whole numbers from 0 to {most}", found)
        return cast(dict[str, int], found)

    def parts(self, name: str) -> list["Document"]:
        """A list of objects."""
        values = self._list(name)
        if not all(isinstance(value, dict) for value in values):
            self._refuse(name, "a list of objects", values)
        objects = cast(list[dict[str, object]], values)
        return [Document(f"{self.what}, {name}", fields, self._source) for fields in objects]

    def tables(self, name: str) -> tuple[dict[str, object], ...]:
        """A list of objects, as they stand."""
        values = self._list(name)
        if not all(isinstance(value, dict) for value in values):
            self._refuse(name, "a list of objects", values)
        return tuple(cast(list[dict[str, object]], values))

    def named_parts(self, name: str, what: str) -> dict[str, "Document"]:
        """An object of objects: each by its name.

        Args:
            name: of the field.
            what: each of them is, for messages: "node".
        """
        values = self.table(name)
        if not all(isinstance(value, dict) for value in values.values()):
            self._refuse(name, "an object of objects", values)
        objects = cast(dict[str, dict[str, object]], values)
        return {
            key: Document(f"{what} '{key}'", fields, self._source)
            for key, fields in objects.items()
        }

    def _list(self, name: str) -> list[object]:
        values = self._value(name, [])
        if not isinstance(values, list):
            self._refuse(name, "a list", values)
        return values

    def _value(self, name: str, default: object) -> object:
        value = self._fields.get(name, default)
        if value is None:
            raise StoredValueError(f"What {self._source} holds of {self.what} lacks '{name}'.")
        return value

    def _refuse(self, name: str, wanted: str, value: object) -> NoReturn:
        # A login may stand in a wrong place: the value itself is not repeated but by its type.
        raise StoredValueError(
            f"What {self._source} holds of {self.what} has '{name}' as {type(value).__name__}"
            f" where {wanted} is expected."
        )


def _is_whole(value: object, most: int) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most
