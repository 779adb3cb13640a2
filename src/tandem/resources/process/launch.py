"""Starting a keeper, with all that may block (names, files, the journal) done before."""

import asyncio
import contextlib
import marshal
import os
import pwd
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tandem.cluster.exclusive.values import Token
from tandem.resources.control_group import ControlGroup
from tandem.resources.kind import StartError
from tandem.resources.process import keeper
from tandem.resources.process.options import Belongings, ProcessOptions

JOURNAL: Final = Path("/run/systemd/journal/stdout")
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_LOG_MODE: Final = 0o640
_INFO: Final = 6


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a keeper needs that this process had to look up.

    Attributes:
        order: for the keeper.
        log: an open descriptor for what the command says.
    """

    order: keeper.Order
    log: int


def prepare(
    belongings: Belongings, options: ProcessOptions, resource_id: str, token: Token, until_us: int
) -> Prepared | StartError:
    """Look everything up. It may block on a directory of users or on a disk.

    Args:
        belongings: where what belongs to the process is; made where it is missing.
        options: of its definition.
        resource_id: its name in the cluster.
        token: entitles it to run.
        until_us: its first deadline.

    Returns:
        The order and an open log, which the caller closes; or what is wrong.
    """
    owner = belongings.owner
    try:
        user = pwd.getpwnam(options.user)
    except KeyError:
        return StartError(f"{owner}: there is no user {options.user!r} on this node.")
    group = belongings.group.path / str(token)
    try:
        for directory in (belongings.fifo.parent, belongings.ended.parent):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        belongings.ended.unlink(missing_ok=True)
        for directory in (group / "keeper", group / "run"):
            directory.mkdir(parents=True, exist_ok=True)
        log = _open_log(options, resource_id)
    except OSError as error:
        return StartError(f"{owner} cannot be started: {error}")
    order = keeper.Order(
        group=str(group),
        until_us=until_us,
        fifo=str(belongings.fifo),
        ended=str(belongings.ended),
        command=list(options.command),
        environment=_environment(options, user, resource_id, token),
        directory=options.directory,
        uid=user.pw_uid,
        gid=user.pw_gid,
        groups=os.getgrouplist(user.pw_name, user.pw_gid),
        limits=list(options.limits),
        daemonises=options.daemonises,
    )
    return Prepared(order, log)


async def launch(order: keeper.Order, log: int) -> str:
    """Start a keeper, and wait until its command runs.

    When cancelled, no process of it is left that is not in the control group of the order.

    Returns:
        Nothing, or what is wrong.

    Raises:
        OSError: not even the keeper can be started.
    """
    async with _launcher(order["group"], log) as process:
        said, _ = await process.communicate(marshal.dumps(dict(order)))
    if said == keeper.RUNS:
        return ""
    return said.decode(errors="replace") or "its keeper failed; the log of the resource says why"


@contextlib.asynccontextmanager
async def _launcher(group: str, log: int) -> AsyncIterator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", keeper.__file__, group),
        stdin=pipe,
        stdout=pipe,
        stderr=log,
        env={"LC_ALL": "C.UTF-8"},
        cwd="/",
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            ControlGroup(Path(group)).kill()  # whom it has forked is there, and may hold our pipes
            # It is in no disk's hand: it has opened nothing but the log and the control group.
            await process.wait()


def _open_log(options: ProcessOptions, resource_id: str) -> int:
    if options.log is not None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY
        return os.open(options.log, flags, _LOG_MODE)
    if not JOURNAL.exists():
        return os.dup(2)  # our own log
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as journal:
        journal.settimeout(1)
        journal.connect(str(JOURNAL))
        # See `stdout_stream_scan` in systemd's journald-stream.c: identifier, unit, priority,
        # priorities in lines, forward to syslog, to the kernel's log, to the console.
        journal.sendall(f"tandem-{resource_id}\n\n{_INFO}\n1\n0\n0\n0\n".encode())
        journal.settimeout(None)
        return journal.detach()


def _environment(
    options: ProcessOptions, user: pwd.struct_passwd, resource_id: str, token: Token
) -> dict[str, str]:
    return {
        "PATH": PATH,
        "LANG": "C.UTF-8",
        "HOME": user.pw_dir,
        "USER": user.pw_name,
        "LOGNAME": user.pw_name,
        "SHELL": "/bin/sh",
        **options.environment,
        "TANDEM_RESOURCE": resource_id,
        "TANDEM_TOKEN": str(token),
    }
