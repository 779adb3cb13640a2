"""What a device confirms: a node is off when the agent says so, and its status says so afterwards.

An agent that only says "done" is not believed where it can be asked: a management controller that
took the command and lost it, or the wrong plug of the right strip, says that, too.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tandem.clock import Clock
from tandem.node.fencing.agent import OFF, OK, AgentError, call, find_agent
from tandem.node.fencing.definition import Device

LOOK_AGAIN_S: Final = 0.2
"""Between two looks at a power supply that takes its time."""


class NotConfirmedError(Exception):
    """A device did not confirm that the node is off; the message says why."""


@dataclass(frozen=True, slots=True)
class OpenDevice:
    """A device with its secrets, as it is called.

    Attributes:
        device: what it is.
        secrets: by the names of the agent's options.
    """

    device: Device
    secrets: Mapping[str, str] = field(repr=False)

    @property
    def name(self) -> str:
        """For messages: the agent, and where it finds the device."""
        return name_of(self.device)


def name_of(device: Device) -> str:
    """For messages: the agent, and where it finds the device."""
    where = next((device.options[it] for it in ("ip", "ipaddr") if it in device.options), "")
    return f"{device.agent} at {where}" if where else device.agent


async def switch_off(
    level: Sequence[OpenDevice], directories: Sequence[Path], clock: Clock
) -> None:
    """Have all devices of a level switch off, one after the other, and then all say it is off.

    One after the other, since a power strip takes one login at a time; the looks come last, since
    a node with two power supplies is off only while both are.

    Args:
        level: the devices.
        directories: where agents are.
        clock: CLOCK_BOOTTIME.

    Raises:
        NotConfirmedError: one of them did not confirm it in its time.
    """
    left_s: list[float] = []
    for it in level:
        await asyncio.sleep(it.device.delay_s)
        began_us = clock.boot_us()
        await _off(it, directories)
        left_s.append(it.device.timeout_s - (clock.boot_us() - began_us) / 1e6)
    for it, one_left_s in zip(level, left_s, strict=True):
        if it.device.has_status:
            await _see_off(it, directories, one_left_s, clock)


async def switch_on(it: OpenDevice, directories: Sequence[Path]) -> None:
    """Have a device switch on.

    Raises:
        NotConfirmedError: it did not.
    """
    reply = await _ask(it, "on", directories, it.device.timeout_s)
    if reply[0] != OK:
        raise NotConfirmedError(f"{it.name} did not switch it on again. It said: {reply[1]}.")


async def _off(it: OpenDevice, directories: Sequence[Path]) -> None:
    status, said = await _ask(it, "off", directories, it.device.timeout_s)
    if status != OK:
        raise NotConfirmedError(f"{it.name} failed (exit status {status}). It said: {said}.")


async def _see_off(
    it: OpenDevice, directories: Sequence[Path], left_s: float, clock: Clock
) -> None:
    until_us = clock.boot_us() + round(left_s * 1e6)
    last = ""
    while (now_us := clock.boot_us()) < until_us:
        try:
            status, said = await _ask(it, "status", directories, (until_us - now_us) / 1e6)
        except NotConfirmedError:
            # A look that the deadline cut short says less than the one before it.
            if last and clock.boot_us() >= until_us:
                break
            raise
        if status == OFF:
            return
        last = "the node is on" if status == OK else f"nothing certain ({said})"
        await asyncio.sleep(LOOK_AGAIN_S)
    raise NotConfirmedError(
        f"{it.name} said that it switched off, but asked for the status afterwards it says: "
        f"{last or 'nothing, since no time was left to ask'}."
    )


async def _ask(
    it: OpenDevice, action: str, directories: Sequence[Path], timeout_s: float
) -> tuple[int, str]:
    try:
        program = find_agent(it.device.agent, directories)
        reply = await call(program, action, it.device.options, it.secrets, timeout_s)
    except AgentError as problem:
        raise NotConfirmedError(f"{it.name}: {problem}") from None
    return reply.status, reply.line
