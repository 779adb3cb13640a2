"""The child: seen by nobody, outlived by nobody, and never taken for a camera's fault."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.recording.foreign.material import (
    PASSWORD,
    PATIENCE_S,
    KeepingSink,
    children,
    is_alive,
    order,
    saying_nothing,
    serving,
    until,
)

from tandem.clock import SystemClock
from tandem.recording.foreign import child as child_module
from tandem.recording.foreign import source as source_module
from tandem.recording.foreign.confine import MEMORY_LIMIT_BYTES
from tandem.recording.foreign.source import ForeignSource
from tandem.recording.paced_loop import PacedLoop
from tandem.recording.source import Cause, SourceError


@contextlib.asynccontextmanager
async def waiting_child(path: str = "x") -> AsyncIterator[tuple[asyncio.Task[None], int]]:
    """A source whose camera says nothing, and the id of its child, once that has connected."""
    connected = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await saying_nothing(reader, writer)

    async with serving(handle) as port:
        stream = order(f"http://127.0.0.1:{port}/{path}", login=True)
        task = asyncio.create_task(ForeignSource(stream, SystemClock()).run(KeepingSink()))
        async with asyncio.timeout(PATIENCE_S):
            await connected.wait()
        (pid,) = children()
        try:
            yield task, pid
        finally:
            task.cancel()
            await asyncio.wait([task])


async def error_of(task: asyncio.Task[None]) -> SourceError:
    async with asyncio.timeout(PATIENCE_S):
        try:
            await asyncio.shield(task)
        except SourceError as problem:
            return problem
    raise AssertionError("it ended well")


def of_process(pid: int, name: str) -> bytes:
    return Path(f"/proc/{pid}/{name}").read_bytes()


def is_reaped(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_no_credential_is_in_a_process_list() -> None:
    async def look() -> tuple[bytes, bytes]:
        async with waiting_child("x?token=verysecret") as (_, pid):
            return of_process(pid, "cmdline"), of_process(pid, "environ")

    for text in asyncio.run(look()):
        assert text
        for secret in (PASSWORD, "admin", "verysecret", "127.0.0.1"):
            assert secret.encode() not in text


def test_a_child_inherits_no_proxy_and_no_secret_of_the_recorder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("TANDEM_TOKEN", "verysecret")

    async def look() -> bytes:
        async with waiting_child() as (_, pid):  # it connects, though nothing is at the proxy
            return of_process(pid, "environ")

    environment = asyncio.run(look())
    assert b"proxy" not in environment
    assert b"verysecret" not in environment


def test_a_ctrl_c_for_the_recorder_is_none_for_its_child() -> None:
    async def look() -> tuple[int, int]:
        async with waiting_child() as (_, pid):
            return os.getsid(pid), pid

    session, pid = asyncio.run(look())
    assert session == pid


def test_what_a_library_prints_does_not_get_among_the_messages() -> None:
    script = (
        "import os\n"
        "from tandem.recording.foreign.confine import claim_output\n"
        "output = claim_output()\n"
        "os.write(1, b'chatter')\n"
        "os.write(output, b'message')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, timeout=30
    )
    assert (done.stdout, done.stderr) == (b"message", b"chatter")


def test_a_child_may_neither_grow_without_bound_nor_leave_a_core() -> None:
    async def look() -> str:
        async with waiting_child() as (_, pid):
            return of_process(pid, "limits").decode()

    limits = {line[:26].strip(): line[26:].split() for line in asyncio.run(look()).splitlines()}
    assert limits["Max address space"][:2] == [str(MEMORY_LIMIT_BYTES)] * 2
    assert limits["Max core file size"][:2] == ["0", "0"]


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGABRT"])
def test_a_child_that_is_killed_is_reported_with_its_signal(name: str) -> None:
    async def kill() -> SourceError:
        async with waiting_child() as (task, pid):
            os.kill(pid, signal.Signals[name])
            return await error_of(task)

    problem = asyncio.run(kill())
    assert problem.cause is Cause.SOURCE_CRASHED
    assert name in problem.message
    assert "Gate" in problem.message


def test_a_cancelled_source_leaves_no_child() -> None:
    async def cancel() -> int:
        async with waiting_child() as (task, pid):
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            assert not is_alive(pid)
            return pid

    assert is_reaped(asyncio.run(cancel()))


def test_a_child_that_will_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "STOP_GRACE_S", 0.05)

    async def cancel() -> None:
        reaped: list[bool] = []
        async with waiting_child() as (task, pid):
            task.add_done_callback(lambda _: reaped.append(is_reaped(pid)))
            os.kill(pid, signal.SIGSTOP)  # it cannot take the SIGTERM
            task.cancel()
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.wait([task])
        assert reaped == [True]

    asyncio.run(cancel())


def test_cancelling_twice_leaves_no_child_either() -> None:
    async def cancel() -> None:
        async with waiting_child() as (task, pid):
            os.kill(pid, signal.SIGSTOP)
            task.cancel()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            task.cancel()
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.wait([task])
                await until(lambda: is_reaped(pid))

    asyncio.run(cancel())


def test_a_child_does_not_outlive_a_recorder_that_is_killed() -> None:
    recorder = (
        "import asyncio, sys\n"
        "from tandem.clock import SystemClock\n"
        "from tandem.recording.foreign.source import ForeignSource\n"
        "from tests.recording.foreign.material import KeepingSink, order\n"
        "source = ForeignSource(order(sys.argv[1]), SystemClock())\n"
        "asyncio.run(source.run(KeepingSink()))\n"
    )

    async def kill() -> None:
        connected = asyncio.Event()

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connected.set()
            await saying_nothing(reader, writer)

        async with serving(handle) as port:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", recorder, f"http://127.0.0.1:{port}/x"
            )
            async with asyncio.timeout(PATIENCE_S):
                await connected.wait()
            (pid,) = map(int, of_process(process.pid, f"task/{process.pid}/children").split())
            process.kill()
            # Less than libav's own deadline of 15 s, which would end it as well.
            async with asyncio.timeout(10):
                await process.wait()
                await until(lambda: not is_alive(pid))

    asyncio.run(kill())


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, PacedLoop])
def test_a_camera_that_accepts_and_says_nothing_ends_by_the_deadline(
    factory: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_module, "SILENCE_S", 1)

    async def wait() -> SourceError:
        async with waiting_child() as (task, pid):
            problem = await error_of(task)
            assert not is_alive(pid)
            return problem

    with asyncio.Runner(loop_factory=factory) as runner:  # type: ignore[arg-type]
        problem = runner.run(wait())
    assert problem.cause is Cause.STALLED
    assert "1 s" in problem.message


def test_a_child_that_never_begins_is_the_machines_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "START_S", 0.2)
    monkeypatch.setattr(child_module, "_WORKER", ("-c", "import time; time.sleep(60)"))
    problem = asyncio.run(run_to_end())
    assert problem.cause is Cause.SOURCE_CRASHED
    assert "overloaded" in problem.message


def test_a_child_that_prints_something_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "_WORKER", ("-c", "print('Segmentation fault')"))
    problem = asyncio.run(run_to_end())
    assert problem.cause is Cause.SOURCE_CRASHED
    assert "greeting" in problem.message


def test_the_last_words_of_a_child_are_kept_without_credentials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worker = "import sys; sys.stdin.read(); [print('line', n, file=sys.stderr) for n in range(99)]"
    worker += f"; sys.exit('tls://admin:x@h: ' + {PASSWORD!r})"
    monkeypatch.setattr(child_module, "_WORKER", ("-c", worker))
    problem = asyncio.run(run_to_end())
    assert problem.cause is Cause.SOURCE_CRASHED
    assert "status 1" in problem.message
    assert problem.message.endswith("line 95; line 96; line 97; line 98; tls://h: ***")


def test_a_long_line_is_not_cut_in_the_middle_of_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = f"import sys; sys.stdin.read(); sys.exit('x' * 390 + {PASSWORD!r} * 9)"
    monkeypatch.setattr(child_module, "_WORKER", ("-c", worker))
    problem = asyncio.run(run_to_end())
    assert problem.message.endswith("x" * 390 + "***" * 3 + "*")


def test_a_child_that_tells_a_secret_is_not_believed_to_have_kept_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worker = "from tandem.recording.foreign.protocol import *; import os, sys; sys.stdin.read();"
    worker += f"failure = Failure(Cause.PROTOCOL, 'rtmp://a:b@h/x?k=v ' + {PASSWORD!r});"
    worker += "os.write(1, encode(Hello()) + encode(failure))"
    monkeypatch.setattr(child_module, "_WORKER", ("-c", worker))
    problem = asyncio.run(run_to_end())
    assert problem.cause is Cause.PROTOCOL
    assert problem.message == "camera Gate (gate/main): rtmp://h/x ***"


def test_a_sink_that_fails_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    class FullDisk(KeepingSink):
        def begin(self, audio_clock_hz: int | None) -> None:
            raise OSError(28, "No space left on device")

    hello = "from tandem.recording.foreign.protocol import *; import os, time;"
    worker = hello + "os.write(1, encode(Hello()) + encode(Tracks(Codec.H264, ()))); time.sleep(60)"
    monkeypatch.setattr(child_module, "_WORKER", ("-c", worker))
    source = ForeignSource(order("tcp://127.0.0.1:1"), SystemClock())
    with pytest.raises(OSError, match="No space left"):
        asyncio.run(source.run(FullDisk()))
    assert children() == []


async def run_to_end() -> SourceError:
    stream = order("tcp://127.0.0.1:1", login=True)
    return await error_of(
        asyncio.create_task(ForeignSource(stream, SystemClock()).run(KeepingSink()))
    )


def test_memory_beyond_the_limit_is_refused() -> None:
    script = (
        "from tandem.recording.foreign.confine import *\n"
        "limit_resources()\n"
        "try: bytearray(MEMORY_LIMIT_BYTES)\n"
        "except MemoryError: print('refused')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout == "refused\n"
