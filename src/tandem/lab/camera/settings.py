"""Settings from JSON, checked against the fields of a dataclass."""

import enum
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

_PLAIN = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def check(kind: type, settings: object) -> dict[str, Any]:
    """Check names and types, and convert what JSON cannot say.

    Args:
        kind: a dataclass; its fields say which names there are and of what type.
        settings: the values by name.

    Returns:
        The settings, fit for the dataclass.

    Raises:
        TypeError: the settings are no object.
        ValueError: a name is unknown, or a value is of the wrong type.
    """
    if not isinstance(settings, Mapping):
        raise TypeError(f"{kind.__name__} has to be an object, and not {settings!r}.")
    types = {one.name: one.type for one in fields(kind)}
    if unknown := sorted(settings.keys() - types.keys()):
        raise ValueError(f"nobody knows the setting {', '.join(unknown)}.")
    return {name: _convert(name, types[name], value) for name, value in settings.items()}


def _convert(name: str, wanted: object, value: object) -> object:
    if isinstance(wanted, type) and issubclass(wanted, enum.StrEnum):
        if value not in list(wanted):
            raise ValueError(f"{name} is {value!r}; it has to be {' or '.join(wanted)}.")
        return wanted(str(value))
    if wanted is float and type(value) is int:
        return float(value)
    if isinstance(wanted, type) and wanted in _PLAIN and type(value) is not wanted:
        raise ValueError(f"{name} is {value!r}; it has to be {_PLAIN[wanted]}.")
    return value
