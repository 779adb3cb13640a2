"""Ending whatever a keeper keeps, and proving it: shared by the agent's hold and the pulse's."""

import os
from contextlib import ExitStack, suppress

from tandem.clock import Clock
from tandem.resources.control_group import ControlGroup, who_is_left
from tandem.resources.kind import StopUnproven
from tandem.resources.waiting import left_s, readable


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
            raise StopUnproven(f"{owner} was killed, and still runs: {who_is_left(group)}")
        for fd in ends:
            if not await readable(fd, left_s(clock, by_us)):
                raise StopUnproven(
                    f"{owner} was killed, and its control group {group.path} is empty, but its"
                    " namespace is not: somebody moved a process of it to another control group."
                )
    with suppress(OSError):  # a start that was given up may just be making one below
        group.remove()
    if group.is_populated():
        raise StopUnproven(f"{owner} was ended, and was started again: {who_is_left(group)}")
