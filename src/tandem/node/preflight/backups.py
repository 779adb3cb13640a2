"""How old this node's newest backup of the store is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tandem.clock import Clock
from tandem.node.backup.keeper import OLD_US
from tandem.node.backup.keeping import newest_first
from tandem.node.preflight.finding import Finding, passed, warned

CHECK: Final = "backups"

_REMEDY: Final = (
    "See what `tandem status` says of backups, and the room on that disk; `tandem store backup`"
    " takes one now. Copy some to another site: a backup on a disk that burned is none."
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is there.

    Attributes:
        directory: of the backups.
        newest: name of the newest; empty: there is none.
        age_us: how old that is.
    """

    directory: Path
    newest: str = ""
    age_us: int = 0


def judge(facts: Facts) -> Finding:
    """Say whether it is recent; one is taken each hour."""
    if not facts.newest:
        return warned(CHECK, f"There is no backup of the store in {facts.directory}.", _REMEDY)
    said = f"The newest backup of the store, {facts.newest}, is {facts.age_us / 3.6e9:.1f} h old."
    return warned(CHECK, said, _REMEDY) if facts.age_us > OLD_US else passed(CHECK, said)


def look(directory: Path, clock: Clock) -> list[Finding]:
    """Look at this node's backups.

    Raises:
        OSError: they cannot be seen.
    """
    names = [it.name for it in directory.iterdir()] if directory.exists() else []
    newest = next(iter(newest_first(names)), "")
    if not newest:
        return [judge(Facts(directory))]
    taken_us = (directory / newest).stat().st_mtime_ns // 1000
    return [judge(Facts(directory, newest, clock.utc_us() - taken_us))]
