"""Ending an address, and proving it: shared by the agent's hold and the pulse's."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from tandem.clock import Clock
from tandem.recording.own_thread import in_own_thread
from tandem.resources.address.belongings import Belongings, holder_pid
from tandem.resources.address.errors import FormatError, KernelError
from tandem.resources.address.rtnetlink import Rtnetlink
from tandem.resources.kind import StopUnproven
from tandem.resources.waiting import left_s, readable

_T = TypeVar("_T")


async def end(belongings: Belongings, clock: Clock, by_us: int) -> None:
    """Kill the holder, remove the address, and prove both.

    Raises:
        StopUnproven: the holder lives, the node has the address, or the kernel did not tell.
    """
    try:
        async with asyncio.timeout(left_s(clock, by_us)):
            # Before the address: a holder would bring it back.
            await kill_holder(belongings, clock, by_us)
            await remove(belongings)
    except TimeoutError:
        raise StopUnproven(
            f"{belongings.owner}: it is not proven in time that {belongings.ip} is gone."
        ) from None
    except (KernelError, OSError) as error:
        raise StopUnproven(f"{belongings.owner}: {error}") from error


async def remove(belongings: Belongings) -> None:
    """Remove the address from every interface, and see that it is gone.

    Raises:
        KernelError: it is not.
    """

    def work(kernel: Rtnetlink) -> None:
        kernel.remove(belongings.ip)

    await with_kernel(work)


async def with_kernel(work: Callable[[Rtnetlink], _T]) -> _T:
    """Ask the kernel something in a thread: it may let us wait.

    Returns:
        What `work` returns.

    Raises:
        KernelError: the kernel refused, or did not answer.
    """

    def caught() -> _T | KernelError:
        try:
            with Rtnetlink() as kernel:
                return work(kernel)
        except KernelError as error:
            return error
        except (OSError, FormatError) as error:
            return KernelError(f"The kernel cannot be asked about addresses: {error}", 0)

    result = await in_own_thread("address", caught, lambda _: None)
    if isinstance(result, KernelError):
        raise result
    return result


async def kill_holder(belongings: Belongings, clock: Clock, by_us: int) -> None:
    """Kill the holder, if there is one, and wait until it is gone.

    Raises:
        TimeoutError: it is not gone by then.
    """
    while (pid := holder_pid(belongings)) is not None:
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            # Only now is the number sure to be the holder's: it may have been given away since.
            if holder_pid(belongings) == pid:
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(fd, signal.SIGKILL)
                if not await readable(fd, left_s(clock, by_us)):
                    raise TimeoutError(f"its holder, process {pid}, was killed and is still there.")
        finally:
            os.close(fd)
