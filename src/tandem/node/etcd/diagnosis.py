"""What etcd's log says of why it ended, as a sentence for the administrator (pure)."""

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a member does not run.

    Attributes:
        sentence: what happened and what to do.
        passes: whether starting it again may help; if not, somebody has to do something first.
    """

    sentence: str
    passes: bool


@dataclass(frozen=True, slots=True)
class _Cause:
    pattern: str  # of a line of the log
    sentence: str
    passes: bool = False


_CAUSES: Final = (
    _Cause(
        r"address already in use",
        "Another program listens on one of the store's ports ({detail}). Stop it (`ss -ltnp` shows "
        "it), or give the store other ports.",
        passes=True,
    ),
    _Cause(
        r"cannot assign requested address",
        "This machine no longer has one of the store's addresses ({detail}); see `ip address`.",
        passes=True,
    ),
    _Cause(
        r"cluster[ -]ID[ -]mismatch|mismatched cluster",
        "The other members belong to another cluster than the data in {data} ({detail}). If this "
        "node is to be one of theirs, let it leave and join anew.",
    ),
    _Cause(
        r"permanently removed|removed from the cluster",
        "The other members have removed this one from the store. Let the node join anew.",
    ),
    _Cause(
        r"already been bootstrapped",
        "The other members know this one, and its data in {data} are gone. Remove it from the "
        "store and let the node join anew: a member that has forgotten must not vote.",
    ),
    _Cause(
        r"no space left on device|disk quota exceeded",
        "The disk of {data} is full. Make room (`df -h {data}`); the store is started again.",
        passes=True,
    ),
    _Cause(
        r"input/output error|read-only file system",
        "The disk of {data} fails ({detail}); see `dmesg`.",
    ),
    _Cause(
        r"permission denied|operation not permitted",
        "The store may not use its files ({detail}): they are another user's. See `ls -l {data}`.",
    ),
    _Cause(
        r"crc mismatch|invalid database|checksum error|walpb: |wal: |snap: |proto: |unexpected EOF"
        r"|file size too small|freepages|panic: .*(?:page|bucket|assertion)|slice bounds",
        "The data in {data} are damaged ({detail}). If the other members are well, move the data "
        "aside, remove this member and let the node join anew; else restore a backup.",
    ),
    _Cause(
        r"tls: |x509: ",
        "The store cannot use this node's certificate or key ({detail}).",
    ),
)
_NOISE: Final = re.compile(r'"level":"(?:debug|info)"|^WARNING: .*\[core\] grpc: ')
_TOLD_TO_END: Final = "received signal; shutting down"
_DETAIL: Final = re.compile(r'"error":"((?:[^"\\]|\\.)*)"')


def find_cause(log: str, data: str) -> Diagnosis | None:
    """Find what keeps a member from working, also while it runs; None where nothing is known.

    Args:
        log: the end of its log.
        data: its data directory.
    """
    lines = _complaints(log)
    for cause in _CAUSES:
        for line in reversed(lines):
            if re.search(cause.pattern, line):
                sentence = cause.sentence.format(data=data, detail=_detail(line))
                return Diagnosis(sentence, cause.passes)
    return None


def diagnose(log: str, data: str, killed_by: int = 0) -> Diagnosis:
    """Say why a member ended, by what it wrote last.

    Args:
        log: the end of its log, from its last start on.
        data: its data directory.
        killed_by: the signal that ended it, where that is known; 0 if none.
    """
    if _TOLD_TO_END in log:
        return Diagnosis("The store's member was told to end, and did.", passes=True)
    if cause := find_cause(log, data):
        return cause
    if killed_by:
        return Diagnosis(
            f"The store's member was ended by signal {killed_by}; `journalctl -k` tells whether "
            f"the kernel did it for want of memory.",
            passes=True,
        )
    lines = _complaints(log)
    last = _detail(lines[-1]) if lines else "it wrote nothing"
    return Diagnosis(f"The store's member ended ({last}).", passes=True)


def _complaints(log: str) -> list[str]:
    return [line for line in log.splitlines() if line.strip() and not _NOISE.search(line)]


def _detail(line: str) -> str:
    """The cause in a line of the log: its error where it is JSON, else all of it."""
    found = _DETAIL.search(line)
    return (found.group(1).replace('\\"', '"') if found else line.strip())[:200]
