"""Where a node is, also where its settings cannot be used as a whole. Blocking."""

import tomllib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tandem.node.home import Home
from tandem.node.settings import DATA, read_settings
from tandem.node.toml_table import SettingsError


@dataclass(frozen=True, slots=True)
class Place:
    """What has to be known to look at a node.

    Attributes:
        node_id: its id.
        home: its data.
        volumes: where its recordings are.
    """

    node_id: str
    home: Home
    volumes: tuple[Path, ...]


def find_place(settings: Path) -> Place:
    """Read the settings, or as much of them as can be: damaged ones are what help is needed for."""
    with suppress(SettingsError):
        read = read_settings(settings)
        return Place(read.node_id, Home(read.data), tuple(it.path for it in read.volumes))
    raw: dict[str, Any] = {}
    with suppress(OSError, ValueError):
        raw = tomllib.loads(settings.read_bytes().decode())
    tables = raw.get("volumes")
    paths = (
        [it.get("path") for it in tables if isinstance(it, dict)]
        if isinstance(tables, list)
        else []
    )
    return Place(
        _name(raw.get("node")),
        Home(Path(str(raw.get("data", DATA)))),
        tuple(Path(path) for path in paths if isinstance(path, str)),
    )


def _name(value: object) -> str:
    """An id, as a part of a file's name."""
    is_id = isinstance(value, str) and value.replace("-", "").replace("_", "").isalnum()
    return str(value) if is_id else "unknown"
