"""The agent's hold of a process: start, stop, probe, health."""

import asyncio
import os
from collections.abc import Callable
from typing import Final, TypeVar

from tandem.clock import Clock
from tandem.cluster.exclusive.values import Token
from tandem.recording.own_thread import in_own_thread
from tandem.resources.control_group import ControlGroup
from tandem.resources.kind import (
    ExtendError,
    Found,
    Health,
    LateStartError,
    Presence,
    ProbeError,
    StartError,
)
from tandem.resources.process.ending import end
from tandem.resources.process.grip import DYING_US, ProcessGrip
from tandem.resources.process.launch import Prepared, launch, prepare
from tandem.resources.process.options import Belongings, ProcessOptions
from tandem.resources.process.strangers import strangers
from tandem.resources.waiting import left_s

_T = TypeVar("_T")

_KEEPER_AND_INIT: Final = 2


class ProcessResource:
    """One process, its keeper, and the control group that proves them gone.

    Args:
        resource_id: its name in the cluster.
        options: of its definition.
        belongings: where what belongs to it is.
        clock: CLOCK_BOOTTIME.
    """

    def __init__(
        self, resource_id: str, options: ProcessOptions, belongings: Belongings, clock: Clock
    ) -> None:
        self._id = resource_id
        self._options = options
        self._belongings = belongings
        self._clock = clock

    @property
    def unprotected_because(self) -> str | None:
        """None: its keeper's timer is the kernel's."""
        return None

    async def probe(self, by_us: int) -> Found:
        """Find out what runs: in its control group, and the same command elsewhere.

        Raises:
            ProbeError: this process may not look, or a process could not be looked at in time.
        """
        return self._kept() or await self._strange(by_us)

    async def prepare(self, by_us: int) -> None:
        """Nothing: a keeper begins with its token, in the control group of that token."""

    async def start(self, token: Token, until_us: int, by_us: int) -> None:
        """Start its keeper, and with it the command.

        Raises:
            LateStartError: the time it was allowed is over.
            StartError: it does not run.
        """
        owner = self._belongings.owner
        if until_us - DYING_US <= self._clock.boot_us():
            raise LateStartError(f"{owner} was not started: the time it was allowed is over.")
        try:
            found = await self.probe(by_us)
        except ProbeError as error:
            raise StartError(str(error)) from error
        if found.presence is Presence.OURS and found.token == token:
            self._prolong(until_us)
            return
        if found.presence is not Presence.ABSENT:
            raise StartError(f"{owner} was not started: {found.evidence}")
        try:
            async with asyncio.timeout(left_s(self._clock, by_us)):
                said = await self._launch(token, until_us - DYING_US)
        except TimeoutError:
            self._belongings.group.kill()
            raise StartError(f"{owner} did not start in time, and was killed.") from None
        except asyncio.CancelledError:
            self._belongings.group.kill()
            raise
        except OSError as error:
            raise StartError(f"{owner} cannot be started: {error}") from error
        if said and until_us - DYING_US <= self._clock.boot_us():
            raise LateStartError(
                f"{owner} was not started before the time it was allowed was over."
            )
        if said:
            command = self._options.command[0]
            raise StartError(f"{owner} was not started: {command}: {said}.")

    async def stop(self, ask_until_us: int, by_us: int) -> None:
        """Ask its processes to end, then kill what is left, and prove that nothing is.

        Raises:
            StopUnproven: something is left.
        """
        group = self._belongings.group
        if ask_until_us > self._clock.boot_us():
            for token in group.below():
                ControlGroup(token.path / "run").signal(self._options.stop_signal)
            await group.emptied(self._clock, min(ask_until_us, by_us), kill=False)
        await end(self._belongings.owner, group, self._clock, by_us)

    async def health(self, by_us: int) -> Health:  # noqa: ARG002 - nothing is waited for
        """Whether its keeper keeps something."""
        found = self._kept()
        if found is None:
            return Health(is_well=False, said=self._how_it_ended())
        return Health(found.presence is Presence.OURS, found.evidence)

    def _kept(self) -> Found | None:
        """What its control group says; None: nothing runs in it."""
        for group in self._belongings.group.below():
            if not group.is_populated():
                continue
            keepers = ControlGroup(group.path / "keeper").pids()
            count = len(ControlGroup(group.path / "run").pids())
            token = _token(group.path.name)
            if token and count and len(keepers) == _KEEPER_AND_INIT:
                evidence = f"It runs with token {token}: {count} processes in {group.path}."
                return Found(Presence.OURS, token, evidence)
            left = ", ".join(str(pid) for pid in group.pids()[:10])
            evidence = f"what an earlier start left still runs in {group.path}: process {left}."
            return Found(Presence.REMNANT, None, evidence)
        return None

    async def _strange(self, by_us: int) -> Found:
        """What runs the same command elsewhere."""
        command = self._options.command
        owner = self._belongings.owner
        try:
            async with asyncio.timeout(left_s(self._clock, by_us)):
                found = await in_own_thread("probe", _caught(lambda: strangers(command)), _drop)
        except TimeoutError:
            raise ProbeError(
                f"{owner}: whether it runs already could not be found out in time. A process of"
                " this node hangs in the kernel, so that its command line cannot be read."
            ) from None
        if isinstance(found, OSError):
            raise ProbeError(
                f"{owner}: whether it runs already cannot be found out: {found}. Looking at the"
                " processes of others takes root, or CAP_SYS_PTRACE."
            )
        if found:
            pids = ", ".join(str(pid) for pid in found)
            evidence = (
                f"{' '.join(command)} runs already, as process {pids}, and Tandem did not start it."
                " Stop it, and whatever starts it (systemctl status PID tells)."
            )
            return Found(Presence.FOREIGN, None, evidence)
        evidence = f"Nobody is in {self._belongings.group.path}, nor runs {' '.join(command)}."
        return Found(Presence.ABSENT, None, evidence)

    async def _launch(self, token: Token, until_us: int) -> str:
        """Start it; what is wrong, or nothing."""
        prepared = await in_own_thread(
            "prepare",
            lambda: prepare(self._belongings, self._options, self._id, token, until_us),
            _close,
        )
        if isinstance(prepared, StartError):
            raise prepared
        try:
            return await launch(prepared.order, prepared.log)
        finally:
            os.close(prepared.log)

    def _prolong(self, until_us: int) -> None:
        grip = ProcessGrip(self._belongings, self._clock)
        try:
            grip.extend(until_us)
        except ExtendError as error:
            raise StartError(str(error)) from error
        finally:
            grip.close()

    def _how_it_ended(self) -> str:
        owner = self._belongings.owner
        try:
            said = self._belongings.ended.read_text(encoding="ascii")
        except OSError:
            return f"{owner} does not run."
        return f"{owner} does not run: it {said}."


def _token(name: str) -> Token | None:
    """The token that a control group is named after."""
    incarnation, _, revision = name.partition(".")
    if incarnation.isdigit() and revision.isdigit():
        return Token(int(incarnation), int(revision))
    return None


def _caught(look: Callable[[], _T]) -> Callable[[], _T | OSError]:
    def looked() -> _T | OSError:
        try:
            return look()
        except OSError as error:
            return error

    return looked


def _drop(_: object) -> None:
    return


def _close(prepared: Prepared | StartError) -> None:
    if isinstance(prepared, Prepared):
        os.close(prepared.log)
