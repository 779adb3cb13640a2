"""Whether two servers reach each other on every link, in both directions: by TCP connections."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from tandem.archive.errors import words_of

CONNECT_S: Final = 3.0
_LONGEST_ECHO: Final = 100


async def unreached(
    targets: Mapping[str, tuple[str, str]], port: int, echo: str | None = None
) -> list[str]:
    """Connect to addresses, each from this server's own address on that network.

    Args:
        targets: own address and theirs, by what a message calls it.
        port: to connect to.
        echo: what has to be said there; None: anything, or nothing.

    Returns:
        A sentence for each that cannot be reached.
    """

    async def attempt(name: str, own: str, theirs: str) -> str:
        try:
            async with asyncio.timeout(CONNECT_S):
                reader, writer = await asyncio.open_connection(theirs, port, local_addr=(own, 0))
                try:
                    said = "" if echo is None else (await reader.read(_LONGEST_ECHO)).decode()
                finally:
                    writer.close()
        except TimeoutError:
            return f"{name}: {theirs}, TCP port {port}, does not answer {own} within {CONNECT_S} s."
        except OSError as error:
            return f"{name}: {theirs}, TCP port {port}, from {own}: {words_of(error)}."
        if echo is not None and said != echo:
            return f"{name}: {theirs} is another machine than the one that asks to join."
        return ""

    async with asyncio.TaskGroup() as tasks:
        made = [tasks.create_task(attempt(name, *pair)) for name, pair in targets.items()]
    return [sentence for task in made if (sentence := task.result())]


@asynccontextmanager
async def answering(addresses: Mapping[str, str], port: int, echo: str) -> AsyncGenerator[None]:
    """Say something to whoever connects, on each link, while the context lasts.

    Raises:
        OSError: an address is not this machine's, or the port is taken.
    """

    async def say(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(echo.encode())
        writer.close()

    servers = []
    try:
        for address in addresses.values():
            servers.append(await asyncio.start_server(say, address, port))  # noqa: PERF401
        yield
    finally:
        for server in servers:
            server.close()
