"""Whether this machine lets a node have what it needs: open files, memory."""

import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tandem.node.preflight.finding import Finding, passed, warned

CHECK: Final = "limits"

FILES_PER_STREAM: Final = 6
"""Four sockets of RTP over UDP, a segment, and one that is being opened."""

FILES_ELSE: Final = 512

MEMORY_PER_STREAM_BYTES: Final = 4 << 20
"""1.6 MB as measured for a camera of 4 Mbit/s; and a keyframe of the largest."""

MEMORY_ELSE_BYTES: Final = 768 << 20
"""Agent, archivist, recorders and the store, without a camera."""

MEMORY: Final = Path("/proc/meminfo")
GROUP: Final = Path("/proc/self/cgroup")
GROUPS: Final = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Facts:
    """What may be had.

    Attributes:
        streams: that this node may be given to record.
        files: that a process may have open.
        memory_bytes: of the machine, or what its control group allows.
        bounded_by: what bounds the memory; empty: the machine.
    """

    streams: int
    files: int
    memory_bytes: int
    bounded_by: str = ""


def judge(facts: Facts) -> Iterator[Finding]:
    """Say whether that is enough."""
    files = FILES_ELSE + FILES_PER_STREAM * facts.streams
    if facts.files < files:
        yield warned(
            CHECK,
            f"A process may have {facts.files} files open; {facts.streams} streams on one take up"
            f" to {files}.",
            f"LimitNOFILE={files} in its unit (`systemctl edit tandem`), or fewer streams under"
            " [capacity] in node.toml.",
        )
    else:
        yield passed(CHECK, f"A process may have {facts.files} files open.")
    memory_bytes = MEMORY_ELSE_BYTES + MEMORY_PER_STREAM_BYTES * facts.streams
    where = f"{facts.bounded_by} allows" if facts.bounded_by else "This machine has"
    evidence = f"{where} {facts.memory_bytes / (1 << 30):.1f} GiB of memory"
    if facts.memory_bytes < memory_bytes:
        yield warned(
            CHECK,
            f"{evidence}; {facts.streams} streams take {memory_bytes / (1 << 30):.1f} GiB.",
            "Add memory, or say in node.toml that this node takes fewer streams ([capacity]).",
        )
    else:
        yield passed(CHECK, f"{evidence}.")


def look(streams: int) -> Iterator[Finding]:
    """Look at the limits of this process, which are those of what it starts.

    Args:
        streams: that this node may be given to record.

    Raises:
        OSError: the kernel does not tell.
    """
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    total_bytes = total_of(MEMORY.read_text())
    group_bytes = limit_of_group(GROUP.read_text())
    if group_bytes is not None and group_bytes < total_bytes:
        return judge(Facts(streams, files, group_bytes, "Its control group"))
    return judge(Facts(streams, files, total_bytes))


def total_of(meminfo: str) -> int:
    """The machine's memory, in bytes: proc(5), "MemTotal".

    Raises:
        OSError: it does not say.
    """
    for line in meminfo.splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) << 10
    raise OSError(f"{MEMORY} does not say how much memory there is")


def limit_of_group(groups: str, root: Path = GROUPS) -> int | None:
    """The smallest limit of a control group and all above it; None: there is none.

    Args:
        groups: /proc/self/cgroup; the line of version 2 begins with "0::".
        root: where the hierarchy is mounted.
    """
    path = next((it[3:] for it in groups.splitlines() if it.startswith("0::")), "/")
    group = root / path.lstrip("/")
    found = []
    for each in (group, *group.parents):
        if each != root and root not in each.parents:
            break
        try:
            text = (each / "memory.max").read_text().strip()
        except OSError:
            continue  # the root has none
        if text.isdigit():
            found.append(int(text))
    return min(found, default=None)
