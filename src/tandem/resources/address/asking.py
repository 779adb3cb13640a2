"""Starting the holder of an address, and asking it."""

import asyncio
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tandem.clock import Clock
from tandem.resources.address import messages
from tandem.resources.address.belongings import Belongings
from tandem.resources.address.errors import FormatError
from tandem.resources.waiting import left_s

_HOLDER: Final = (sys.executable, "-m", "tandem.resources.address.holder")
PACKETS: Final = socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK


class NoAnswerError(Exception):
    """There is no holder, or it does not answer; the sentence says which."""


class NotListeningError(NoAnswerError):
    """There is no holder, or it is about to end, or has just begun."""


@contextmanager
def reachable(belongings: Belongings) -> Iterator[str]:
    """The path of the holder's socket, short enough for the kernel whatever the directory is.

    Raises:
        FileNotFoundError: the directory is not there yet, so there never was a holder.
    """
    fd = os.open(belongings.directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{fd}/{belongings.socket_name}"
    finally:
        os.close(fd)


async def ask(
    belongings: Belongings, request: messages.Request, clock: Clock, by_us: int
) -> messages.Answer:
    """Ask the holder something.

    Args:
        belongings: of the address.
        request: not an `Extend`, which is never answered.
        clock: CLOCK_BOOTTIME.
        by_us: when an answer is no longer of use.

    Returns:
        Its answer.

    Raises:
        NoAnswerError: there is none in time.
        NotListeningError: nobody listens.
    """
    loop = asyncio.get_running_loop()
    try:
        with socket.socket(socket.AF_UNIX, PACKETS) as asking:
            async with asyncio.timeout(left_s(clock, by_us)):
                with reachable(belongings) as path:
                    asking.connect(path)
                await loop.sock_sendall(asking, messages.encode(request))
                packet = await loop.sock_recv(asking, messages.LONGEST_BYTES)
        if not packet:
            raise ConnectionResetError("it ended.")
        return messages.decode_answer(packet)
    except TimeoutError:
        raise NoAnswerError("the holder of its address did not answer in time.") from None
    except (FileNotFoundError, ConnectionError) as error:
        raise NotListeningError(f"the holder of its address does not listen: {error}") from None
    except (OSError, FormatError) as error:
        raise NoAnswerError(f"the holder of its address does not answer: {error}") from None


async def ready(belongings: Belongings, clock: Clock, by_us: int) -> int:
    """Start a holder, which stands ready and holds nothing yet. It is no child of this process.

    Returns:
        A descriptor. When it is closed, by us or by our end, and nothing is held, the holder ends.

    Raises:
        NoAnswerError: it did not start in time, or another one is there.
    """
    belongings.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    arguments = (
        belongings.resource_id,
        str(belongings.ip),
        belongings.interface or "",
        str(belongings.run_directory),
    )
    its_end, our_end = os.pipe()
    try:
        await _start(its_end, arguments, left_s(clock, by_us))
    except BaseException:
        os.close(our_end)
        raise
    finally:
        os.close(its_end)
    return our_end


async def _start(tether: int, arguments: tuple[str, ...], deadline_s: float) -> None:
    process = await asyncio.create_subprocess_exec(
        *(*_HOLDER, *arguments),
        stdin=tether,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(deadline_s):
            said, _ = await process.communicate()
    except TimeoutError:
        raise NoAnswerError("the holder of its address did not start in time.") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if said != messages.READY:
        raise NoAnswerError("the holder of its address did not start; its log says why.")
