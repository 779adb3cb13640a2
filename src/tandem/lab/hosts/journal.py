"""What was done to a lab and when, one JSON object a line; it only grows."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tandem.clock import Clock
from tandem.lab.hosts.errors import LabError

VERSION = 1

Detail = str | int | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was done.

    Attributes:
        event: "kill", "cut", ...
        began_us: UTC; the host was unharmed before.
        done_us: UTC; it was so from then on.
        error: why it failed, if it did.
        details: to what, and how.
    """

    event: str
    began_us: int
    done_us: int
    error: str | None
    details: dict[str, Detail]


class Journal:
    """The journal of one lab.

    Args:
        path: its file; made with the first entry.
        clock: says when things happen.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock

    @contextmanager
    def record(self, event: str, **details: Detail) -> Iterator[dict[str, Detail]]:
        """Write down what is done in the `with` statement, and whether it failed.

        Yields:
            The details, to be added to.
        """
        began_us = self._clock.utc_us()
        error: str | None = "interrupted"
        try:
            yield details
            error = None
        except (LabError, OSError) as failure:
            error = str(failure)
            raise
        finally:
            self._append(Entry(event, began_us, self._clock.utc_us(), error, details))

    def read(self) -> list[Entry]:
        """All that was done, in its order."""
        lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else []
        return [_entry(line) for line in lines]

    def _append(self, entry: Entry) -> None:
        fields = {
            "version": VERSION,
            "event": entry.event,
            "began_us": entry.began_us,
            "done_us": entry.done_us,
            "error": entry.error,
            **entry.details,
        }
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(fd, json.dumps(fields).encode() + b"\n")
        finally:
            os.close(fd)


def _entry(line: str) -> Entry:
    fields = json.loads(line)
    fields.pop("version")
    event, began_us, done_us, error = (
        fields.pop(name) for name in ("event", "began_us", "done_us", "error")
    )
    return Entry(event, began_us, done_us, error, fields)
