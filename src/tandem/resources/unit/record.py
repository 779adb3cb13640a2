"""What is remembered of a service while it runs: by whom it was started, and where it is proven."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from tandem.cluster.exclusive.values import Token


@dataclass(frozen=True, slots=True)
class Record:
    """One start.

    Attributes:
        token: entitled to it.
        invocation: as systemd calls this start; a later one is not Tandem's.
        group: the directory of its control group.
    """

    token: Token
    invocation: str
    group: Path


def write(file: Path, record: Record) -> None:
    """Remember a start.

    Raises:
        OSError: there is no room.
    """
    words = {
        "token": [*record.token],
        "invocation": record.invocation,
        "group": str(record.group),
    }
    new = file.with_name(f"{file.name}.new")
    new.write_text(json.dumps(words), encoding="utf-8")
    new.replace(file)


def read(file: Path) -> Record | None:
    """What is remembered; None: nothing, or nothing that makes sense."""
    try:
        words = json.loads(file.read_bytes())
        incarnation, revision = words["token"]
        group = Path(os.fspath(words["group"]))
        return Record(Token(int(incarnation), int(revision)), str(words["invocation"]), group)
    except (OSError, ValueError, TypeError, KeyError):
        return None
