"""The bundle: a tar.gz that only its owner can read, with a manifest. Blocking."""

import gzip
import io
import json
import os
import tarfile
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from tandem.archive.errors import words_of
from tandem.clock import Clock
from tandem.node.support.collectors import LARGEST_BYTES, Collector
from tandem.node.support.redaction import Redactor

VERSION: Final = 1
DEADLINE_S: Final = 60.0
"""For all collectors, which work at the same time; a disk that hangs costs what is on it."""

MANIFEST: Final = "manifest.json"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the bundle, in the manifest.

    Attributes:
        name: of the file.
        what: it is.
        bytes: its size.
        cut_bytes: what was left out, for it was too long.
        removed: how many secrets were taken out.
        problem: why it is not there; "" if it is.
    """

    name: str
    what: str
    bytes: int = 0
    cut_bytes: int = 0
    removed: int = 0
    problem: str = ""


class _Work(threading.Thread):
    """A collector at work; the process does not wait for one that hangs."""

    def __init__(self, collector: Collector) -> None:
        super().__init__(name=collector.name, daemon=True)
        self.collector = collector
        self.text: str | None = None
        self.problem = f"no answer within {DEADLINE_S:.0f} s"

    def run(self) -> None:
        """See `threading.Thread.run`."""
        try:
            self.text = self.collector.collect()
        except OSError as problem:
            self.problem = words_of(problem)


def write_bundle(
    path: Path, collectors: Iterable[Collector], redactor: Redactor, clock: Clock
) -> list[Entry]:
    """Collect all, and write it to a new file.

    Args:
        path: of the bundle, which must not be there.
        collectors: what goes in.
        redactor: takes the secrets out.
        clock: says how long to wait, and when it was.

    Returns:
        What the manifest says.

    Raises:
        OSError: the file cannot be written; nothing of it is left.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            return _write(file, collectors, redactor, clock)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _write(
    file: io.BufferedWriter, collectors: Iterable[Collector], redactor: Redactor, clock: Clock
) -> list[Entry]:
    work = [_Work(collector) for collector in collectors]
    end_us = clock.boot_us() + round(DEADLINE_S * 1_000_000)
    for each in work:
        each.start()
    made = _EPOCH + timedelta(microseconds=clock.utc_us())
    entries = []
    with (
        gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for each in work:
            each.join(max(0.0, (end_us - clock.boot_us()) / 1_000_000))
            entry, content = _entry(each, redactor)
            entries.append(entry)
            if not entry.problem:
                _add(archive, entry.name, content, made)
        document = {
            "version": VERSION,
            "made_at": made.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "files": [asdict(entry) for entry in entries],
        }
        # A problem names what an operating system or a camera said, too.
        _add(archive, MANIFEST, redactor.clean(json.dumps(document, indent=1))[0].encode(), made)
    return entries


def _entry(work: _Work, redactor: Redactor) -> tuple[Entry, bytes]:
    collector, text = work.collector, work.text
    if text is None:
        problem, _ = redactor.clean(work.problem)
        return Entry(collector.name, collector.what, problem=problem), b""
    # Secrets go first: a cut through one would hide what it is.
    cleaned, removed = redactor.clean(text)
    content = cleaned.encode(errors="replace")
    cut_bytes = max(0, len(content) - LARGEST_BYTES)
    if cut_bytes:
        content = content[cut_bytes:] if collector.keeps_end else content[:LARGEST_BYTES]
    return Entry(collector.name, collector.what, len(content), cut_bytes, removed), content


def _add(archive: tarfile.TarFile, name: str, content: bytes, made: datetime) -> None:
    member = tarfile.TarInfo(f"tandem-support/{name}")
    member.size, member.mode, member.mtime = len(content), 0o600, int(made.timestamp())
    archive.addfile(member, io.BytesIO(content))
