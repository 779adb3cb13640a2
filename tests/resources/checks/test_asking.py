"""What checks see of a service: one that answers, one that hangs, one that is not there."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import cast

import pytest
from tests.resources.process.bench import state_of, until

from tandem.clock import SystemClock
from tandem.resources.checks.asking import ask, watch
from tandem.resources.checks.options import Check, read_checks
from tandem.resources.checks.verdict import Verdict
from tandem.resources.kind import Health

DEADLINE_S = 60
PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nall fine\n"
MOVED = b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n"
ERROR = b"HTTP/1.1 503 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def check(kind: str, timeout_s: object = 30, **options: object) -> Check:
    return read_checks("", [{"kind": kind, "timeout_s": timeout_s, **options}])[0]


def answer(check: Check) -> Health:
    async def asked() -> Health:
        async with asyncio.timeout(DEADLINE_S):
            return await ask(check, "web")

    return asyncio.run(asked())


@asynccontextmanager
async def server(page: bytes | None) -> AsyncIterator[int]:
    """Serves this page to everybody, or never a word; gives its port."""
    over = asyncio.Event()
    served: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.add(cast(asyncio.Task[None], asyncio.current_task()))
        with suppress(ConnectionError, asyncio.IncompleteReadError):  # who asks may not stay
            if page is None:
                await over.wait()
            else:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(page)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]
        over.set()
    while served - (done := {task for task in served if task.done()}):
        await asyncio.wait(served - done)


def with_server(page: bytes | None, asks: Callable[[int], Awaitable[Health]]) -> Health:
    async def play() -> Health:
        async with asyncio.timeout(DEADLINE_S), server(page) as port:
            return await asks(port)

    return asyncio.run(play())


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def page(served: bytes, **options: object) -> Health:
    return with_server(
        served,
        lambda port: ask(check("http", url=f"http://127.0.0.1:{port}/h", **options), "web"),
    )


def test_who_accepts_connections_is_well() -> None:
    assert with_server(PAGE, lambda port: ask(check("tcp", port=port), "web")).is_well


def test_who_does_not_is_not() -> None:
    health = answer(check("tcp", port=(port := free_port())))
    assert (health.is_well, health.said) == (False, f"127.0.0.1:{port}: Connection refused")


def test_a_page_is_judged_by_its_status_and_its_text() -> None:
    assert page(PAGE).is_well
    assert page(PAGE, contains="all fine").is_well
    assert page(PAGE, status=200).is_well
    assert page(MOVED).is_well  # and it is not followed
    assert "status 503" in page(ERROR).said
    assert not page(PAGE, status=204).is_well
    assert "does not contain 'all good'" in page(PAGE, contains="all good").said
    assert not page(b"no protocol at all\r\n\r\n").is_well


def test_a_host_name_that_no_request_can_carry_is_an_answer() -> None:
    health = page(PAGE, host="a\r\nb")
    assert not health.is_well
    assert "header" in health.said


@pytest.mark.parametrize(
    "served",
    [PAGE, ERROR, b"no protocol at all\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\nA\r\n\r\n", None],
)
@pytest.mark.parametrize("options", [{}, {"contains": "nothing"}, {"host": "a\r\nb"}])
def test_no_answer_holds_a_login_or_a_query_of_its_url(
    served: bytes | None, options: dict[str, object]
) -> None:
    async def asked(port: int) -> Health:
        url = f"http://viewer:s3cr3t@127.0.0.1:{port}/h?key=s3cr3t#s3cr3t"
        timeout_s = 0.1 if served is None else 30
        return await ask(check("http", timeout_s=timeout_s, url=url, **options), "web")

    said = with_server(served, asked).said
    assert re.match(r"http://127\.0\.0\.1:\d+/h: ", said)
    assert "s3cr3t" not in said
    assert "viewer" not in said


@pytest.mark.parametrize("login", ["viewer:s3cr3t", "viewer:s3cr3t\\", "viewer:s3cr3t\u20ac"])
def test_neither_does_that_of_a_page_that_cannot_be_asked_for(login: str) -> None:
    health = answer(check("http", url=f"http://{login}@127.0.0.1:{free_port()}/h?key=s3cr3t"))
    assert not health.is_well
    assert "s3cr3t" not in health.said
    assert "viewer" not in health.said


def test_who_accepts_but_never_answers_is_not_well() -> None:
    health = with_server(
        None,
        lambda port: ask(check("http", timeout_s=0.1, url=f"http://127.0.0.1:{port}/"), "web"),
    )
    assert not health.is_well
    assert "no answer within 0.1 s" in health.said


def test_a_command_is_judged_by_its_status_and_quoted() -> None:
    health = answer(check("command", command=["/bin/sh", "-c", "echo for $TANDEM_RESOURCE"]))
    assert (health.is_well, health.said) == (True, "/bin/sh: status 0, said: for web")
    health = answer(check("command", command=["/bin/sh", "-c", "echo no >&2; exit 3"]))
    assert (health.is_well, health.said) == (False, "/bin/sh: status 3, said: no")
    assert "No such file" in answer(check("command", command=["/no/such"])).said
    assert "no user" in answer(check("command", command=["/bin/true"], user="nobody-at-all")).said


def test_a_command_that_hangs_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    word = str(tmp_path / "word")
    script = 'sleep 1000 & echo $! > "$0"; wait'
    health = answer(check("command", timeout_s=0.5, command=["/bin/sh", "-c", script, word]))
    assert "no answer within 0.5 s" in health.said
    pids = (tmp_path / "word").read_text().split() if (tmp_path / "word").exists() else []

    asyncio.run(until(lambda: not any(state_of(int(pid)) in {"S", "R"} for pid in pids), "gone"))


def test_a_command_that_says_more_than_anybody_reads_does_not_hang() -> None:
    endless = "head -c 1000000 /dev/zero | tr '\\0' x; echo; echo end"
    assert answer(check("command", command=["/bin/sh", "-c", endless])).is_well


def test_a_watched_resource_is_judged_again_and_again() -> None:
    async def play() -> None:
        heard: list[Verdict] = []
        enough = asyncio.Event()

        def tell(verdict: Verdict) -> None:
            heard.append(verdict)
            if len(heard) == 4:
                enough.set()

        watched = check("tcp", port=free_port(), interval_s=0.1, failures=3, start_s=0)
        async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as tasks:
            task = tasks.create_task(watch(watched, "web", SystemClock(), tell))
            await enough.wait()
            task.cancel()
        assert [verdict.is_well for verdict in heard[:4]] == [True, True, False, False]

    asyncio.run(play())


@pytest.mark.parametrize("served", [b"", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_page_that_breaks_off_is_an_answer(served: bytes) -> None:
    assert page(served).is_well is bool(served)
