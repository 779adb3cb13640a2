"""One call of a fence agent, by the protocol of ClusterLabs (fence-agents, doc/FenceAgentAPI.md).

An agent is a program. It gets `name=value` lines on standard input, `action` among them, and tells
by its exit status what came of it: 0 done, or on; 1 failed; 2 off, where it was asked for the
status. Nothing is told in its arguments: everybody on a machine can read those.

It may do anything: hang, leave a child behind that holds its output open, or print for ever. So it
runs in a process group of its own that is killed at its end or at the deadline, whichever comes
first; its exit is seen by a pidfd, never by the end of its output; and of that the end is kept.
"""

import asyncio
import errno
import os
import pwd
import signal
import subprocess
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DIRECTORIES: Final = (
    Path("/etc/tandem/fence-agents"),
    Path("/usr/local/sbin"),
    Path("/usr/sbin"),
)
"""Where agents are: those that somebody wrote for this cluster, and those of the distribution."""

OK: Final = 0
OFF: Final = 2

MOST_SAID_BYTES: Final = 4096
"""Of what an agent prints; metadata is asked for with more."""

_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MOST_INPUT_BYTES: Final = 48 << 10
"""What a pipe takes at once (64 KiB, pipe(7)), so that no agent need read for us to go on."""
_CHUNK_BYTES: Final = 64 << 10
_LOOKS: Final = 200
_LOOK_S: Final = 0.005
"""For a second, whether a killed agent is gone."""


class AgentError(Exception):
    """An agent cannot be called, or did not answer; the message is for the administrator."""


class AgentMissingError(AgentError):
    """There is no such agent on this node."""


class AgentTimeoutError(AgentError):
    """It did not end in time, and was killed with all that it started."""


@dataclass(frozen=True, slots=True)
class Reply:
    """How a call ended.

    Attributes:
        status: of its exit; negative: the signal that ended it.
        said: the end of what it printed, without the secrets that it was told.
    """

    status: int
    said: str

    @property
    def line(self) -> str:
        """The last line that says something, for messages."""
        lines = [line for line in self.said.splitlines() if line.strip()]
        return lines[-1].strip()[:200] if lines else "nothing"


def find_agent(name: str, directories: Sequence[Path] = DIRECTORIES) -> Path:
    """Where an agent is.

    Raises:
        AgentMissingError: nowhere.
    """
    for directory in directories:
        path = directory / name
        if path.is_file() and os.access(path, os.X_OK):
            return path
    raise AgentMissingError(
        f"The fence agent {name} is not installed on this node. Install it (`apt install"
        " fence-agents`, or the package of that agent where the distribution has one each), on"
        " every node."
    )


async def call(
    program: Path,
    action: str,
    options: Mapping[str, str],
    secrets: Mapping[str, str],
    timeout_s: float,
    most_bytes: int = MOST_SAID_BYTES,
) -> Reply:
    """Call an agent once.

    Args:
        program: the agent.
        action: such as `off` or `status`.
        options: what it is told.
        secrets: what it is told and nobody else is: they are taken out of what it says.
        timeout_s: after which it is killed.
        most_bytes: how much of what it says is kept, from the end.

    Returns:
        How it ended.

    Raises:
        AgentError: it cannot be started, or has not ended in time.
    """
    told = _input({**options, **secrets, "action": action})
    with ExitStack() as held:
        process, output = _start(held, program, told)
        ended = asyncio.get_running_loop().create_future()
        said = _Said(output, most_bytes, held)
        _tell_of_end(process.pid, ended, held)
        try:
            async with asyncio.timeout(timeout_s):
                await ended
        except TimeoutError:
            raise AgentTimeoutError(
                f"{program.name} did not end within {timeout_s:g} s of being asked for"
                f" '{action}', and was killed. It said: {Reply(0, _clean(said, secrets)).line}."
            ) from None
        finally:
            await _be_gone(process)
        said.read()
        return Reply(process.returncode or 0, _clean(said, secrets))


def _start(held: ExitStack, program: Path, told: bytes) -> tuple["subprocess.Popen[bytes]", int]:
    input_read, input_write = os.pipe()
    output_read, output_write = os.pipe()
    held.callback(os.close, output_read)
    os.set_blocking(output_read, False)
    try:
        os.write(input_write, told)
        process = subprocess.Popen(
            [program],
            stdin=input_read,
            stdout=output_write,
            stderr=output_write,
            cwd="/",
            env=_environment(),
            start_new_session=True,
        )
    except OSError as error:
        raise AgentError(
            f"{program} cannot be started: {os.strerror(error.errno or errno.EIO)}."
        ) from error
    finally:
        for descriptor in (input_read, input_write, output_write):
            os.close(descriptor)
    return process, output_read


class _Said:
    """The end of what an agent prints."""

    def __init__(self, output: int, most_bytes: int, held: ExitStack) -> None:
        self._output = output
        self._most_bytes = most_bytes
        self._chunks: deque[bytes] = deque()
        self._kept_bytes = 0
        loop = asyncio.get_running_loop()
        loop.add_reader(output, self._read_some)
        held.callback(loop.remove_reader, output)

    def read(self) -> None:
        """What is there; whoever is left of the agent's children may hold its end open."""
        for _ in range(1 + (1 << 20) // _CHUNK_BYTES):  # more than a pipe holds
            if not self._read_some():
                return

    def text(self) -> str:
        """All that was kept."""
        return b"".join(self._chunks)[-self._most_bytes :].decode(errors="replace")

    def _read_some(self) -> bool:
        try:
            data = os.read(self._output, _CHUNK_BYTES)
        except BlockingIOError:
            return False
        if not data:
            asyncio.get_running_loop().remove_reader(self._output)
            return False
        self._chunks.append(data)
        self._kept_bytes += len(data)
        while self._kept_bytes - len(self._chunks[0]) >= self._most_bytes:
            self._kept_bytes -= len(self._chunks.popleft())
        return True


def _tell_of_end(pid: int, ended: "asyncio.Future[None]", held: ExitStack) -> None:
    loop, pidfd = asyncio.get_running_loop(), os.pidfd_open(pid)
    held.callback(os.close, pidfd)

    def note() -> None:
        loop.remove_reader(pidfd)
        if not ended.done():
            ended.set_result(None)

    loop.add_reader(pidfd, note)
    held.callback(loop.remove_reader, pidfd)


async def _be_gone(process: "subprocess.Popen[bytes]") -> None:
    """Kill an agent with all that it started; one that is stuck in the kernel is left there."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # before it is reaped: its number is still its own
    for _ in range(_LOOKS):
        if process.poll() is not None:
            return
        await asyncio.sleep(_LOOK_S)


def _input(told: Mapping[str, str]) -> bytes:
    data = "".join(f"{name}={_quoted(value)}\n" for name, value in told.items()).encode()
    if len(data) > _MOST_INPUT_BYTES:
        raise AgentError("A fence agent is told too much: its options are too long.")
    return data


def _quoted(value: str) -> str:
    """Agents take blanks at the ends off a line, and one pair of quotes around a value."""
    is_changed = value != value.strip() or (value.startswith('"') and value.endswith('"'))
    return f'"{value}"' if is_changed else value


def _clean(said: _Said, secrets: Mapping[str, str]) -> str:
    text = said.text()
    for secret in sorted(secrets.values(), key=len, reverse=True):
        if secret:
            text = text.replace(secret, "***")
    return "".join(it if it.isprintable() or it == "\n" else " " for it in text)


def _environment() -> dict[str, str]:
    environment = {"PATH": _PATH, "LANG": "C.UTF-8"}
    with suppress(KeyError):  # a user that no file names has no home either
        environment["HOME"] = pwd.getpwuid(os.getuid()).pw_dir  # ssh keys of fence_virsh
    return environment
