"""Carrying out a check: an answer, or none in time, which is one too."""

import asyncio
import os
import pwd
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import aiohttp

from tandem.clock import Clock
from tandem.recording.own_thread import in_own_thread
from tandem.resources.checks.options import Check, Command, Http, Tcp, shown_url
from tandem.resources.checks.verdict import Verdict, judged
from tandem.resources.kind import Health

MOST_READ_BYTES: Final = 64 << 10
"""Of a page, or of what a command says."""

PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_KILL_S: Final = 1.0
_LINE: Final = 200


async def ask(check: Check, resource_id: str) -> Health:
    """Carry out a check once.

    Args:
        check: which.
        resource_id: of whose definition; a command gets it as TANDEM_RESOURCE.

    Returns:
        The answer. None by the check's timeout is a bad one.
    """
    timeout_s = check.timeout_us / 1_000_000
    asks = check.asks
    try:
        async with asyncio.timeout(timeout_s):
            match asks:
                case Tcp():
                    return await _ask_tcp(asks)
                case Http():
                    return await _ask_http(asks)
                case Command():
                    return await _ask_command(asks, resource_id)
    except TimeoutError:
        return Health(is_well=False, said=f"{_named(asks)}: no answer within {timeout_s:g} s")
    except ValueError as error:  # what a definition says cannot be asked so: no fault of the pulse
        return Health(is_well=False, said=f"{_named(asks)}: {error}")


async def watch(
    check: Check, resource_id: str, clock: Clock, tell: Callable[[Verdict], None]
) -> None:
    """Carry out a check again and again, from a start of the resource until cancelled.

    Args:
        check: which.
        resource_id: of whose definition.
        clock: CLOCK_BOOTTIME.
        tell: hears each verdict.
    """
    started_us = clock.boot_us()
    verdict = Verdict()
    while True:
        health = await ask(check, resource_id)
        verdict = judged(verdict, check, health, clock.boot_us() - started_us)
        tell(verdict)
        await asyncio.sleep(check.interval_us / 1_000_000)


async def _ask_tcp(asks: Tcp) -> Health:
    try:
        _, writer = await asyncio.open_connection(asks.address, asks.port)
    except OSError as error:
        return Health(is_well=False, said=f"{_named(asks)}: {_reason(error)}")
    writer.transport.abort()  # not even a goodbye is waited for
    return Health(is_well=True, said=f"{_named(asks)}: accepts connections")


async def _ask_http(asks: Http) -> Health:
    name = _named(asks)
    headers = {"Host": asks.host} if asks.host else {}
    connector = aiohttp.TCPConnector(ssl=False, force_close=True)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, headers=headers) as session,
            session.get(asks.url, allow_redirects=False) as answer,
        ):
            page = b""
            while asks.contains and len(page) < MOST_READ_BYTES:
                more = await answer.content.read(MOST_READ_BYTES - len(page))
                if not more:
                    break
                page += more
            status = answer.status
    except (aiohttp.ClientError, OSError) as error:
        return Health(is_well=False, said=f"{name}: {_http_reason(error)}")
    is_good = status == asks.status if asks.status is not None else 200 <= status < 400
    if not is_good:
        return Health(is_well=False, said=f"{name}: status {status}")
    if asks.contains.encode() not in page:
        return Health(is_well=False, said=f"{name}: the page does not contain {asks.contains!r}")
    return Health(is_well=True, said=f"{name}: status {status}")


async def _ask_command(asks: Command, resource_id: str) -> Health:
    name = _named(asks)
    user = await in_own_thread("user", lambda: _user(asks.user), lambda _: None)
    if user is None:
        return Health(is_well=False, said=f"{name}: there is no user {asks.user!r} on this node")
    other = user if user.pw_uid != os.getuid() else None
    try:
        process = await asyncio.create_subprocess_exec(
            *asks.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd="/",
            env={"PATH": PATH, "LANG": "C.UTF-8", "TANDEM_RESOURCE": resource_id},
            start_new_session=True,
            user=other.pw_uid if other else None,
            group=other.pw_gid if other else None,
            extra_groups=[] if other else None,
        )
    except OSError as error:
        return Health(is_well=False, said=f"{name}: {_reason(error)}")
    said = b""
    try:
        while process.stdout and (data := await process.stdout.read(4096)):
            said = (said + data)[:MOST_READ_BYTES]
        status = await process.wait()
    finally:
        await _be_gone(process)
    line = (said.decode(errors="replace").strip().splitlines() or ["nothing"])[-1][:_LINE]
    return Health(status == 0, f"{name}: status {status}, said: {line}")


async def _be_gone(process: asyncio.subprocess.Process) -> None:
    """Kill a command with all that it started; one that is stuck in the kernel is left there."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(_KILL_S):
            await process.wait()


def _user(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _named(asks: Tcp | Http | Command) -> str:
    match asks:
        case Tcp():
            host = f"[{asks.address}]" if ":" in asks.address else asks.address
            return f"{host}:{asks.port}"
        case Http():
            return shown_url(asks.url)
        case Command():
            return asks.command[0]


def _http_reason(error: aiohttp.ClientError | OSError) -> str:
    """What went wrong, without the URL, which may hold secrets."""
    match error:
        case aiohttp.ClientResponseError():
            return " ".join(error.message.split()) or "it speaks no HTTP"
        case aiohttp.InvalidURL():
            return "this URL cannot be asked for"
        case OSError():
            return _reason(error)
        case _:
            return " ".join(str(error).split())


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
