"""`EtcdMember`: this node's member of the store, started, asked, stopped and kept running.

etcd is started in a session of its own and writes to a file, so an agent that crashes takes nothing
from it; the next one finds it by its data directory and goes on looking after it. (A service
manager must be told the same: systemd by `KillMode=process`.)
"""

import asyncio
import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Final

from tandem.archive.errors import words_of
from tandem.node.authority import AuthorityError
from tandem.node.etcd.diagnosis import Diagnosis, diagnose, find_cause
from tandem.node.etcd.options import (
    MemberSettings,
    Origin,
    arguments,
    has_data,
    volume_that_holds,
)
from tandem.node.etcd.process import Process, find_running, spawn
from tandem.node.etcd.sockets import is_present
from tandem.node.store import answers, gateway
from tandem.node.store.endpoint import Endpoint, EndpointClient
from tandem.node.store.errors import StoreError
from tandem.node.store.model import MemberStatus
from tandem.node.tls import client_context

SETTLE_S: Final = 2.0
"""A member that cannot run has said so by then; one that waits for the others runs on silently."""

HEALTH_DEADLINE_S: Final = 1.0
STOP_PATIENCE_S: Final = 10.0
RESTART_S: Final = (0.5, 30.0)
"""First and longest delay before a member that ended is started again; jittered."""

LOG_LOOK_S: Final = 60.0
LONGEST_LOG_BYTES: Final = 32 << 20

_POLL_S: Final = 0.1
_LOG_END_BYTES: Final = 64 << 10
_RECENT_LOG_BYTES: Final = 4 << 10


class MemberError(Exception):
    """The member does not run; the message is for the administrator.

    Attributes:
        passes: whether starting it again may help.
    """

    def __init__(self, diagnosis: Diagnosis) -> None:
        super().__init__(diagnosis.sentence)
        self.passes = diagnosis.passes


class EtcdMember:
    """This node's member of the store.

    Args:
        program: etcd's.
        settings: of the member.
        volumes: where recordings are; the member's data must be elsewhere.
        random: jitters the restarts.
    """

    def __init__(
        self, program: Path, settings: MemberSettings, volumes: Iterable[Path], random: Random
    ) -> None:
        self._program = program
        self._settings = settings
        self._volumes = tuple(volumes)
        self._random = random
        self._process: Process | None = None
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        """Of the process, while it runs."""
        return self._process.pid if self._process and not self._process.ended else None

    async def start(self) -> bool:
        """Take over the member if it runs, or start it; returns whether it was started.

        A member that waits for the others counts as started.

        Raises:
            MemberError: it cannot run.
        """
        if self.pid:
            return False
        self.detach()
        found = await asyncio.to_thread(find_running, self._data_argument, self._settings.data)
        if found:
            self._process = found
            return False
        self._process = await asyncio.to_thread(self._spawn)
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                while not self._process.ended and (await self._ask()).problem:  # noqa: ASYNC110
                    await asyncio.sleep(_POLL_S)
        if self._process.ended:
            raise MemberError(await self._diagnosis())
        return True

    async def health(self) -> MemberStatus:
        """Ask the member how it is; one that does not answer says why in `problem`.

        Where its log tells a cause it is said as well: a member that met another cluster runs on.
        """
        status = await self._ask()
        if not status.problem:
            return status
        log = await asyncio.to_thread(self._read_log, _RECENT_LOG_BYTES)
        cause = find_cause(log, str(self._settings.data))
        return replace(status, problem=f"{status.problem} {cause.sentence}") if cause else status

    async def _ask(self) -> MemberStatus:
        endpoint = Endpoint(self._settings.member.client_urls[0], self._settings.member.node)
        try:
            tls = client_context(self._settings.authority, self._settings.credentials)
        except AuthorityError as error:
            return MemberStatus(endpoint.name, problem=str(error))
        client = EndpointClient(endpoint, tls)
        try:
            answer = await client.ask(gateway.STATUS, {}, HEALTH_DEADLINE_S)
            return answers.parse_status(endpoint.name, answer)
        except StoreError as error:
            return MemberStatus(endpoint.name, problem=str(error))
        finally:
            await client.close()

    async def wait(self) -> Diagnosis:
        """Wait until the member ends, and say why it did; meanwhile, keep its log short."""
        while self._process and not self._process.ended:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOG_LOOK_S):
                    await self._process.wait()
            await asyncio.to_thread(self._shorten_log)
        return await self._diagnosis()

    async def stop(self) -> None:
        """End the member in order, or by force after a while."""
        if self._process:
            await self._process.stop(STOP_PATIENCE_S)
        self.detach()

    def detach(self) -> None:
        """Let the member run on without us, as it does when the agent ends."""
        if self._process:
            self._process.close()
            self._process = None

    async def keep_running(self, tell: Callable[[Diagnosis], None]) -> None:
        """Start the member again whenever it ends; cancelled, it leaves the member running.

        Args:
            tell: hears of each end and each failure to start.
        """
        failures = 0
        while True:
            try:
                await self.start()
                started_s = asyncio.get_running_loop().time()
                diagnosis = await self.wait()
                lived_s = asyncio.get_running_loop().time() - started_s
                failures = 0 if lived_s > RESTART_S[1] else failures + 1
            except MemberError as error:
                diagnosis = Diagnosis(str(error), error.passes)
                failures += 1
            tell(diagnosis)
            first, longest = RESTART_S
            ceiling = (
                min(longest, first * (1 << min(failures, 10))) if diagnosis.passes else longest
            )
            await asyncio.sleep(ceiling * self._random.uniform(0.5, 1.0))

    @property
    def _data_argument(self) -> str:
        return f"--data-dir={self._settings.data}"

    def _spawn(self) -> Process:
        self._check_data()
        try:
            client_context(self._settings.authority, self._settings.credentials)
            told = arguments(self._settings, is_present)
            self._settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._shorten_log()
            with self._settings.log.open("ab") as log:
                self._log_start = log.tell()
                return spawn([str(self._program), *told], log.fileno())
        except (OSError, ValueError, AuthorityError) as error:
            said = words_of(error) if isinstance(error, OSError) else str(error)
            sentence = f"The store's member cannot be started: {said.removesuffix('.')}."
            raise MemberError(Diagnosis(sentence, passes=True)) from error

    def _check_data(self) -> None:
        data = self._settings.data
        if volume := volume_that_holds(data, self._volumes):
            raise MemberError(
                Diagnosis(
                    f"The store's data ({data}) are on the same file system as the recordings in "
                    f"{volume}. It waits for its disk at every change, and would lose the cluster "
                    f"behind their writes: put it on another disk.",
                    passes=False,
                )
            )
        if self._settings.origin is Origin.HERE and not has_data(data):
            raise MemberError(
                Diagnosis(
                    f"The data of the store are gone from {data}. If their disk is not mounted, "
                    f"mount it; if they are lost, remove this member from the store and let the "
                    f"node join anew: a member that has forgotten must not vote.",
                    passes=True,
                )
            )

    def _shorten_log(self) -> None:
        """Put a log that is too long aside, as logrotate's copytruncate: etcd writes to it on.

        It appends, so what it writes next is at the beginning. What fails is tried again later.
        """
        path = self._settings.log
        with suppress(OSError):
            if path.stat().st_size <= LONGEST_LOG_BYTES:
                return
            aside = path.with_suffix(".old")
            aside.unlink(missing_ok=True)
            shutil.copy(path, aside)
            os.truncate(path, 0)
            self._log_start = 0

    async def _diagnosis(self) -> Diagnosis:
        log = await asyncio.to_thread(self._read_log, _LOG_END_BYTES)
        killed_by = self._process.killed_by if self._process else 0
        return diagnose(log, str(self._settings.data), killed_by)

    def _read_log(self, most_bytes: int) -> str:
        """The end of what the member wrote since we started it."""
        with self._settings.log.open("rb") as log:
            size = log.seek(0, 2)
            log.seek(max(self._log_start, size - most_bytes))
            return log.read().decode(errors="replace")
