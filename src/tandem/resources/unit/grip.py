"""Ending a service and proving it: the pulse's hold, which the agent's stop uses too."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tandem.clock import Clock
from tandem.resources.control_group import ControlGroup, group_called, who_is_left
from tandem.resources.kind import Place, StopUnproven
from tandem.resources.options import checked_id
from tandem.resources.unit.record import read
from tandem.resources.unit.systemctl import Systemctl, SystemdError

_TELL_US: Final = 500_000
"""For systemd to note that the service is to end, before it is killed in any case."""


@dataclass(frozen=True, slots=True)
class Names:
    """What belongs to one service; the same for the agent and the pulse.

    Attributes:
        owner: how messages name the resource.
        unit: as systemd calls it: `web.service`.
        record: the file of its last start by Tandem.
        environment: the file with its token, for systemd to read.
        drop_in: the file that tells systemd what Tandem needs of it.
    """

    owner: str
    unit: str
    record: Path
    environment: Path
    drop_in: Path


def names(resource_id: str, unit: str, drop_ins: Path, place: Place) -> Names:
    """Where a node keeps what belongs to a service.

    Raises:
        OptionError: the resource's name cannot be a part of a path.
    """
    directory = place.run_directory / "units"
    name = checked_id(resource_id)
    return Names(
        f"Resource {name}",
        unit,
        directory / f"{name}.json",
        directory / f"{name}.env",
        drop_ins / f"{unit}.d" / "90-tandem.conf",
    )


class UnitGrip:
    """Kills one service. There is nothing in the kernel to extend.

    Args:
        names: what belongs to it.
        systemctl: to tell systemd with.
        clock: CLOCK_BOOTTIME.
    """

    def __init__(self, names: Names, systemctl: Systemctl, clock: Clock) -> None:
        self._names = names
        self._systemctl = systemctl
        self._clock = clock

    def extend(self, until_us: int) -> None:
        """Do nothing: a service has no end in the kernel."""

    async def kill(self, by_us: int) -> None:
        """Kill it, and prove it.

        First systemd is told to stop it, so that it starts nothing again; but nobody waits for
        systemd with the kill.

        Raises:
            StopUnproven: something is left, or systemd does not say that it is down.
        """
        owner, unit = self._names.owner, self._names.unit
        told_us = min(by_us, self._clock.boot_us() + _TELL_US)
        failure = ""
        try:
            await self._systemctl.tell("stop", "--no-block", unit, by_us=told_us)
        except SystemdError as error:
            failure = str(error)
        for group in await self._groups(told_us):
            group.kill()
            if not await group.emptied(self._clock, by_us, kill=True):
                raise StopUnproven(f"{owner} was killed, and still runs: {who_is_left(group)}")
        while True:
            try:
                status = await self._systemctl.status(unit, by_us)
            except SystemdError as error:
                raise StopUnproven(
                    f"{owner} was killed; that systemd does not start {unit} again is not certain:"
                    f" {failure or error}"
                ) from error
            if status.is_down or not status.is_there:
                break
            if status.group:
                group = ControlGroup(group_called(status.group))
                group.kill()
                await group.emptied(self._clock, by_us, kill=True)
        for group in await self._groups(by_us):
            if group.is_populated():
                raise StopUnproven(f"{owner} is down, says systemd; not so: {who_is_left(group)}")
        self._names.record.unlink(missing_ok=True)

    def close(self) -> None:
        """Do nothing: nothing is open."""

    async def _groups(self, by_us: int) -> list[ControlGroup]:
        """Where it may run: as remembered, and as systemd says."""
        record = read(self._names.record)
        paths = {record.group} if record else set()
        try:
            status = await self._systemctl.status(self._names.unit, by_us)
        except SystemdError:
            return [ControlGroup(path) for path in paths]
        if status.group:
            paths.add(group_called(status.group))
        return [ControlGroup(path) for path in sorted(paths)]
