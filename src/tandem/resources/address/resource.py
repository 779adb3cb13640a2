"""The agent's hold of an address: start, stop, probe, health."""

import asyncio
import os
import weakref
from typing import Final

from tandem.clock import Clock
from tandem.cluster.exclusive.values import Token
from tandem.resources.address import messages
from tandem.resources.address.asking import NoAnswerError, NotListeningError, ask, ready
from tandem.resources.address.belongings import Belongings, holder_pid
from tandem.resources.address.ending import end, kill_holder, remove, with_kernel
from tandem.resources.address.errors import KernelError
from tandem.resources.address.netlink import Held
from tandem.resources.address.timing import LATEST_EXPIRY_US, LIFETIME_S, PROBE_US
from tandem.resources.kind import (
    Found,
    Health,
    LateStartError,
    Presence,
    ProbeError,
    StartError,
)
from tandem.resources.waiting import left_s

_PAUSE_S: Final = 0.005


class AddressResource:
    """One address, and the holder that has it.

    Args:
        belongings: of the address.
        clock: CLOCK_BOOTTIME.
    """

    def __init__(self, belongings: Belongings, clock: Clock) -> None:
        self._belongings = belongings
        self._clock = clock
        self._let_go: weakref.finalize[[int], AddressResource] | None = None

    @property
    def unprotected_because(self) -> str | None:
        """None: the address has a lifetime in the kernel; `timing` says when that may be late."""
        return None

    async def probe(self, by_us: int) -> Found:
        """Find out whether this node has the address, and from whom.

        It also lets a holder stand ready, so that a start need not wait for one.

        Raises:
            ProbeError: the kernel or the holder did not tell in time.
        """
        owner, ip = self._belongings.owner, self._belongings.ip
        try:
            async with asyncio.timeout(left_s(self._clock, by_us)):
                answer = await self._told(by_us)
                held = await with_kernel(lambda kernel: kernel.holding(ip))
        except TimeoutError:
            raise ProbeError(
                f"{owner}: the kernel did not tell in time whether this node has the address {ip}."
            ) from None
        except (NoAnswerError, KernelError, OSError) as error:
            raise ProbeError(f"{owner}: {error}") from error
        if answer.token is not None:
            return Found(Presence.OURS, answer.token, answer.said)
        return self._without_holder(held)

    async def prepare(self, by_us: int) -> None:
        """Let a holder stand ready: a new process takes a tenth of a second, or many.

        Raises:
            StartError: it does not stand.
        """
        try:
            await self._told(by_us)
        except (NoAnswerError, OSError) as error:
            raise StartError(f"{self._belongings.owner}: {error}") from error

    async def start(self, token: Token, until_us: int, by_us: int) -> None:
        """Ask the network who has the address; if nobody, add it and tell everybody.

        Raises:
            LateStartError: the node is entitled to it for too little time.
            StartError: another host has it, its interface does not fit, or time is up.
        """
        belongings = self._belongings
        try:
            await self._told(by_us)
            answer = await self._ask(messages.Hold(token, until_us, by_us), by_us)
        except (NoAnswerError, OSError) as error:
            raise StartError(f"{belongings.owner} was not started: {error}") from error
        if answer.error:
            is_late = self._clock.boot_us() + PROBE_US >= until_us - LATEST_EXPIRY_US
            raise (LateStartError if is_late else StartError)(
                f"{belongings.owner}: the address {belongings.ip} was not taken. {answer.error}"
            )

    async def stop(self, ask_until_us: int, by_us: int) -> None:
        """Let the holder let go of the address; where it does not, kill it. Prove that it is gone.

        Raises:
            StopUnproven: that is not proven.
        """
        if holder_pid(self._belongings) is not None:
            try:
                answer = await self._ask(messages.Drop(), min(ask_until_us, by_us))
                if not answer.error:
                    async with asyncio.timeout(left_s(self._clock, by_us)):
                        await remove(self._belongings)
                    return
            except (NoAnswerError, KernelError, OSError):
                pass  # TimeoutError is an OSError
        await end(self._belongings, self._clock, by_us)

    async def health(self, by_us: int) -> Health:
        """Whether users reach the address here, as far as this node sees."""
        try:
            answer = await self._ask(messages.Tell(), by_us)
        except NoAnswerError as error:
            return Health(is_well=False, said=f"{self._belongings.owner}: {error}")
        return Health(answer.is_well, answer.said)

    async def _ask(self, request: messages.Request, by_us: int) -> messages.Answer:
        return await ask(self._belongings, request, self._clock, by_us)

    async def _told(self, by_us: int) -> messages.Answer:
        """What the holder tells; started where there is none."""
        while holder_pid(self._belongings) is not None and self._clock.boot_us() < by_us:
            try:
                answer = await self._ask(messages.Tell(), by_us)
            except NotListeningError:
                await asyncio.sleep(_PAUSE_S)  # it is ending, or has just begun
                continue
            if answer.about == self._belongings.definition:
                return answer
            # The address of that one, if it has it, goes by itself.
            await kill_holder(self._belongings, self._clock, by_us)
        tether = await ready(self._belongings, self._clock, by_us)
        if self._let_go is not None:
            self._let_go()
        self._let_go = weakref.finalize(self, os.close, tether)
        return await self._ask(messages.Tell(), by_us)

    def _without_holder(self, held: list[Held]) -> Found:
        ip = self._belongings.ip
        if not held:
            return Found(Presence.ABSENT, None, f"No interface of this node has {ip}.")
        if all(each.valid_s <= LIFETIME_S for each in held):
            said = f"This node has {ip} for less than a second more: its holder ended."
            return Found(Presence.REMNANT, None, said)
        said = (
            f"This node has {ip} already, and Tandem did not add it. Find out who did"
            f" (/etc/network, NetworkManager, keepalived, `ip address`), and remove it there."
        )
        return Found(Presence.FOREIGN, None, said)
