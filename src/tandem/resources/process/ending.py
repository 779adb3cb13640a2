"""Ending whatever a keeper keeps, and proving it: shared by the agent's hold and the pulse's."""

import os
from contextlib import ExitStack, suppress
from pathlib import Path

from tandem.clock import Clock
from tandem.resources.kind import StopUnproven
from tandem.resources.process.group import ControlGroup, readable

_MOST_NAMED = 3


async def end(owner: str, group: ControlGroup, clock: Clock, by_us: int) -> None:
    """Kill all that a resource runs, and prove that nothing is left.

    There are two proofs, and both are wanted. The control group is empty; and the keeper and the
    init of its namespace are gone, which the kernel lets an init be only when nobody is left in its
    namespace, not even somebody who was moved to another control group.

    Args:
        owner: how messages name the resource.
        group: of the resource.
        clock: CLOCK_BOOTTIME.
        by_us: when the proof must be there.

    Raises:
        StopUnproven: it is not there by then; names who is left, and what the kernel waits for.
    """
    with ExitStack() as held:
        ends: list[int] = []
        for pid in [pid for it in group.below() for pid in ControlGroup(it.path / "keeper").pids()]:
            with suppress(ProcessLookupError):
                fd = os.pidfd_open(pid)
                held.callback(os.close, fd)
                ends.append(fd)
        group.kill()
        if not await group.emptied(clock, by_us, kill=True):
            raise StopUnproven(f"{owner} was killed, and still runs: {_left(group)}")
        for fd in ends:
            if not await readable(fd, max(0, (by_us - clock.boot_us()) / 1_000_000)):
                raise StopUnproven(
                    f"{owner} was killed, and its control group {group.path} is empty, but its"
                    " namespace is not: somebody moved a process of it to another control group."
                )
    try:
        group.remove()
    except OSError as error:
        raise StopUnproven(
            f"{owner} was ended, and its control group cannot be taken away: {error}. Something has"
            " entered it again."
        ) from error


def _left(group: ControlGroup) -> str:
    """Who is left in a group, and why, for people."""
    pids = group.pids()
    if not pids:  # ending, and held up on its way out of the kernel
        return f"{group.path} is not empty; a process in it is stuck while it ends."
    named = ", ".join(_described(pid) for pid in pids[:_MOST_NAMED])
    more = f" and {len(pids) - _MOST_NAMED} more" if len(pids) > _MOST_NAMED else ""
    return (
        f"process {named}{more} in {group.path}. A killed process stays while the kernel waits on"
        " its behalf, mostly for a disk or a network file system that does not answer (state D), or"
        " while a freezer holds it."
    )


def _described(pid: int) -> str:
    stat, waits = _word(pid, "stat"), _word(pid, "wchan")
    name = stat[stat.find("(") + 1 : stat.rfind(")")] or "?"
    state = stat[stat.rfind(")") + 2 :][:1] or "?"
    at = f", in {waits}" if waits not in {"", "0"} else ""
    return f"{pid} ({name}, state {state}{at})"


def _word(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
