"""Asking systemd, with a deadline on each call.

Its command line, not D-Bus: it is there wherever systemd is, and it hangs alone. No call is made
with a password prompt or a pager, and none blocks a thread.
"""

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress

from tandem.clock import Clock
from tandem.resources.kind import ResourceError
from tandem.resources.unit.status import PROPERTIES, Status, read_status
from tandem.resources.waiting import left_s


class SystemdError(ResourceError):
    """systemd did not do as told, or did not answer in time; its words, as far as there are."""


class Systemctl:
    """Asks and tells systemd.

    Args:
        command: the program, and what makes it speak to the right systemd.
        clock: CLOCK_BOOTTIME.
    """

    def __init__(self, command: Sequence[str], clock: Clock) -> None:
        self._command = command
        self._clock = clock

    async def status(self, unit: str, by_us: int) -> Status:
        """What systemd says of a service.

        Raises:
            SystemdError: it did not answer by then.
        """
        return read_status(await self.tell("show", unit, f"-p{','.join(PROPERTIES)}", by_us=by_us))

    async def tell(self, *words: str, by_us: int) -> str:
        """Call systemctl.

        Args:
            words: of the call.
            by_us: when it is of no use any more; systemd may still do it.

        Returns:
            What it printed.

        Raises:
            SystemdError: it failed, or not by then.
        """
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *(*self._command, "--no-pager", "--no-ask-password", *words),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=pipe,
                stderr=pipe,
                start_new_session=True,
            )
        except OSError as error:
            raise SystemdError(f"{self._command[0]} cannot be run: {error}") from error
        try:
            async with asyncio.timeout(left_s(self._clock, by_us)):
                said, complaint = await process.communicate()
        except TimeoutError:
            raise SystemdError(f"systemctl {words[0]} {words[1]} was not done in time") from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):  # all that it started: they hold our pipes
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if process.returncode:
            words_said = " ".join(complaint.decode(errors="replace").split())
            raise SystemdError(f"systemctl {' '.join(words)}: {words_said}")
        return said.decode(errors="replace")
