"""The agent's hold of a service: start, stop, probe, health."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Final

from tandem.clock import Clock
from tandem.cluster.exclusive.values import Token
from tandem.resources.control_group import ControlGroup, group_called
from tandem.resources.kind import (
    Found,
    Health,
    LateStartError,
    Presence,
    ProbeError,
    ResourceError,
    StartError,
)
from tandem.resources.unit.grip import Names, UnitGrip
from tandem.resources.unit.record import Record, read, write
from tandem.resources.unit.status import Status
from tandem.resources.unit.systemctl import Systemctl, SystemdError

UNPROTECTED: Final = (
    "systemd runs it, and nothing in the kernel ends it when its time is over: it goes on if Tandem"
    " stands still or is killed. Run it as a process instead, or configure fencing or a watchdog."
)

_DROP_IN: Final = """\
# Written by Tandem, which alone starts and stops this service.
[Service]
Restart=no
RestartForceExitStatus=
EnvironmentFile=-{environment}
"""


class UnitResource:
    """One service of systemd.

    Args:
        resource_id: its name in the cluster.
        names: what belongs to it.
        systemctl: to ask and tell systemd with.
        clock: CLOCK_BOOTTIME.
    """

    def __init__(self, resource_id: str, names: Names, systemctl: Systemctl, clock: Clock) -> None:
        self._id = resource_id
        self._names = names
        self._systemctl = systemctl
        self._clock = clock

    @property
    def unprotected_because(self) -> str | None:
        """Always a reason."""
        return UNPROTECTED

    async def probe(self, by_us: int) -> Found:
        """Ask systemd, and the kernel.

        Raises:
            ProbeError: systemd does not answer in time.
        """
        owner, unit = self._names.owner, self._names.unit
        try:
            status = await self._systemctl.status(unit, by_us)
            return self._found(status)
        except ResourceError as error:
            raise ProbeError(
                f"{owner}: whether {unit} runs cannot be found out: {error}"
            ) from error

    async def prepare(self, by_us: int) -> None:
        """Nothing: systemd has what it needs."""

    async def start(self, token: Token, until_us: int, by_us: int) -> None:
        """Tell systemd to start it, and wait until it says that it runs.

        Raises:
            StartError: it does not run, or others would start it too.
        """
        owner, unit = self._names.owner, self._names.unit
        if until_us <= self._clock.boot_us():
            raise LateStartError(f"{owner} was not started: the time it was allowed is over.")
        try:
            status = await self._systemctl.status(unit, by_us)
            found = self._found(status)
            if found.presence is Presence.OURS and found.token == token:
                return
            if found.presence is not Presence.ABSENT:
                raise StartError(f"{owner} was not started: {found.evidence}")
            if reason := status.why_not_ours(unit):
                raise StartError(f"{owner} was not started: {reason}")
            is_new = await asyncio.to_thread(self._prepare, token)
            if is_new or status.is_stale:
                await self._systemctl.tell("daemon-reload", by_us=by_us)
            await self._systemctl.tell("start", unit, by_us=by_us)
            await self._remember(token, by_us)
        except (SystemdError, OSError) as error:
            raise StartError(f"{owner} was not started: {error}") from error

    async def stop(self, ask_until_us: int, by_us: int) -> None:
        """Tell systemd to stop it, kill what is left, and prove that nothing is.

        Raises:
            StopUnproven: something is left, or systemd does not say that it is down.
        """
        if ask_until_us > self._clock.boot_us():
            patience_us = min(ask_until_us, by_us)
            with suppress(SystemdError):  # it may not even be there: what is proven counts
                await self._systemctl.tell("stop", self._names.unit, by_us=patience_us)
        await UnitGrip(self._names, self._systemctl, self._clock).kill(by_us)

    async def health(self, by_us: int) -> Health:
        """Whether systemd says that it runs, and that it is the start that Tandem made."""
        try:
            status = await self._systemctl.status(self._names.unit, by_us)
            found = self._found(status)
        except ResourceError as error:
            return Health(is_well=False, said=str(error))
        is_well = found.presence is Presence.OURS and status.active in {"active", "reloading"}
        if is_well or not status.is_down:
            return Health(is_well, found.evidence)
        said = f"{self._names.owner} does not run: {self._names.unit} is {status.active}"
        return Health(is_well=False, said=f"{said} ({status.result}).")

    def _found(self, status: Status) -> Found:
        unit = self._names.unit
        record = read(self._names.record)
        if not status.is_there and record is None:
            return Found(Presence.ABSENT, None, f"systemd knows no unit {unit}.")
        if status.is_down or not status.is_there:
            groups = {record.group} if record else set()
            if status.group:
                groups.add(group_called(status.group))
            for path in sorted(groups):
                if ControlGroup(path).is_populated():
                    evidence = f"{unit} is {status.active}, but {path} is not empty."
                    return Found(Presence.REMNANT, None, evidence)
            return Found(Presence.ABSENT, None, f"{unit} is {status.active} ({status.result}).")
        evidence = f"{unit} is {status.active} ({status.sub})"
        if record is None or record.invocation != status.invocation:
            told = f"{evidence}, and Tandem did not start it. Run: systemctl stop {unit}"
            return Found(Presence.FOREIGN, None, told)
        if status.active == "deactivating":
            return Found(Presence.REMNANT, None, f"{evidence}.")
        return Found(Presence.OURS, record.token, f"{evidence}, with token {record.token}.")

    def _prepare(self, token: Token) -> bool:
        """Write what systemd is to read; whether it must read its files anew."""
        names = self._names
        names.environment.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        words = f"TANDEM_TOKEN={token}\nTANDEM_RESOURCE={self._id}\n"
        names.environment.write_text(words, encoding="ascii")
        wanted = _DROP_IN.format(environment=names.environment)
        if _text(names.drop_in) == wanted:
            return False
        names.drop_in.parent.mkdir(parents=True, exist_ok=True)
        names.drop_in.write_text(wanted, encoding="utf-8")
        return True

    async def _remember(self, token: Token, by_us: int) -> None:
        """Note which start is ours.

        Raises:
            StartError: it has ended already, or systemd keeps it where nothing can be proven.
        """
        owner, unit = self._names.owner, self._names.unit
        status = await self._systemctl.status(unit, by_us)
        if status.is_down:
            raise StartError(
                f"{owner} has ended at once: {unit} is {status.active} ({status.result}). Its log:"
                f" journalctl -u {unit}"
            )
        group = group_called(status.group)
        if not status.group or not ControlGroup(group).is_populated():
            raise StartError(
                f"{owner}: {unit} has no process in a control group of version 2, so that it could"
                " not be proven to have ended. A service that only runs a command and stays active"
                " cannot be kept."
            )
        await asyncio.to_thread(write, self._names.record, Record(token, status.invocation, group))


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
