"""Where the store keeps its data: which disk that is, and how long a write takes there."""

import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tandem.clock import Clock
from tandem.node.preflight.finding import Finding, failed, passed, warned
from tandem.node.preflight.mounts import (
    MOUNTS,
    NETWORKED,
    VOLATILE,
    Mount,
    existing,
    mount_of,
    parse_mounts,
)

CHECK: Final = "store-disk"

ADVISED_US: Final = 10_000
"""etcd, "Hardware recommendations" and FAQ: the 99th percentile of fdatasync of its log."""

MOST_US: Final = 100_000
"""A write waits for a majority of disks; the fast preset elects anew after 300 ms of silence."""

LEAST_FREE_BYTES: Final = 4 << 30
"""The store's quota is 2 GiB; a snapshot of it stands beside it while it is written."""

WRITES: Final = 200
WRITE_BYTES: Final = 8 << 10
"""About what etcd appends for one change."""

LONGEST_S: Final = 3.0

_FAST_ENOUGH: Final = (
    "Put the data (`data` in node.toml) on a solid-state disk with power-loss protection, that"
    " nothing else writes to."
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the place.

    Attributes:
        directory: of the data, or the nearest that is there.
        mount: what it lies on.
        volumes: those of this node that lie on the same file system.
        free_bytes: for anybody.
        sync_us: how long each write took.
    """

    directory: Path
    mount: Mount | None
    volumes: tuple[Path, ...]
    free_bytes: int
    sync_us: tuple[int, ...]


def percentile(values: Sequence[int], percent: float) -> int:
    """The smallest value that so many percent do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def judge(facts: Facts) -> Iterator[Finding]:
    """Say how the place is."""
    yield from _judge_place(facts)
    if facts.sync_us:
        yield _judge_speed(facts)


def _judge_place(facts: Facts) -> Iterator[Finding]:
    where, mount = facts.directory, facts.mount
    kind = mount.kind if mount else "unknown"
    if kind in VOLATILE:
        yield failed(
            CHECK,
            f"{where} is on {kind}: it is gone after a restart of this machine.",
            "Put the data (`data` in node.toml) on a disk.",
        )
    elif kind in NETWORKED:
        yield failed(
            CHECK,
            f"{where} is on a network file system ({kind}).",
            "Put the data (`data` in node.toml) on a disk of this machine: the store may lose what"
            " it has acknowledged, and stops with that network.",
        )
    elif facts.volumes:
        yield warned(
            CHECK,
            f"{where} is on the same file system as the volume {facts.volumes[0]}.",
            "Put one of them on another disk: each pause of the recording's disk may otherwise"
            " change the store's leader.",
        )
    else:
        yield passed(CHECK, f"{where} is on {kind}{f' ({mount.source})' if mount else ''}.")
    if facts.free_bytes < LEAST_FREE_BYTES:
        yield warned(
            CHECK,
            f"{where} has {facts.free_bytes / 1e9:.1f} GB free.",
            f"Make room for {LEAST_FREE_BYTES / 1e9:.1f} GB: the store takes no more changes when"
            " its disk is full.",
        )


def _judge_speed(facts: Facts) -> Finding:
    p99_us, middle_us = percentile(facts.sync_us, 99), percentile(facts.sync_us, 50)
    evidence = (
        f"Of {len(facts.sync_us)} writes of {WRITE_BYTES >> 10} KiB in {facts.directory}, half were"
        f" on the disk within {middle_us / 1000:.1f} ms, 99 % within {p99_us / 1000:.1f} ms."
    )
    if p99_us > MOST_US:
        return failed(CHECK, evidence, f"The store cannot work on this. {_FAST_ENOUGH}")
    if p99_us > ADVISED_US:
        return warned(
            CHECK, evidence, f"etcd advises {ADVISED_US // 1000} ms at most. {_FAST_ENOUGH}"
        )
    return passed(CHECK, evidence)


def look(data: Path, volumes: Sequence[Path], clock: Clock) -> Iterator[Finding]:
    """Look at the place, and write there. Blocks for some seconds.

    Args:
        data: directory of the node's data.
        volumes: mount points that this node records to.
        clock: of this machine.

    Raises:
        OSError: it cannot be written there.
    """
    directory = existing(data)
    mounts = parse_mounts(MOUNTS.read_text())
    own = mount_of(directory, mounts)
    beside = [path for path in volumes if own and mount_of(existing(path), mounts) == own]
    free = os.statvfs(directory)
    return judge(
        Facts(
            directory,
            own,
            tuple(beside),
            free.f_bavail * free.f_frsize,
            tuple(measure(directory, clock)),
        )
    )


def measure(directory: Path, clock: Clock, writes: int = WRITES) -> list[int]:
    """Append as etcd does, and wait each time until it is on the disk; nothing stays behind.

    Args:
        directory: where.
        clock: of this machine.
        writes: how many; fewer where it takes longer than `LONGEST_S`.

    Returns:
        How long each took, in microseconds.

    Raises:
        OSError: it cannot be written there.
    """
    taken_us: list[int] = []
    data = os.urandom(WRITE_BYTES)
    with ExitStack() as undo:
        file, name = tempfile.mkstemp(prefix=".tandem-check-", dir=directory)
        undo.callback(os.close, file)
        undo.callback(os.unlink, name)
        os.posix_fallocate(file, 0, writes * WRITE_BYTES)  # as etcd does with its log
        os.fsync(file)
        began_us = clock.boot_us()
        for _ in range(writes):
            before_us = clock.boot_us()
            os.write(file, data)
            os.fdatasync(file)
            taken_us.append(clock.boot_us() - before_us)
            if clock.boot_us() - began_us > LONGEST_S * 1e6:
                break
    return taken_us
