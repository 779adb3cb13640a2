"""Listening on the links that are there, and on the others as soon as they are."""

import asyncio
import socket
from pathlib import Path

import pytest
from aiohttp import web
from tests.conformance.store.subjects import eventually, in_a_loop
from tests.node.test_tls import Files

from tandem.node.archivist import listening as module
from tandem.node.archivist.listening import listen
from tandem.node.archivist.view import Address
from tandem.node.tls import server_context


@in_a_loop
async def test_a_link_that_cannot_be_listened_on_is_listened_on_as_soon_as_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    files = Files(tmp_path, "ours")
    tls = server_context(files.authority, files.node("n1"))
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = Address("127.0.0.1", other.getsockname()[1])
        links = [taken, Address("127.0.0.1", 0)]
        async with listen(web.Application(), links, tls) as listening:
            problems = [one.problem or "" for one in listening.sockets]
            assert f"127.0.0.1:{taken.port} cannot be listened on" in problems[0]
            assert problems[1] == ""
            assert len(listening.addresses) == 1
            other.close()

            async def is_taken() -> bool:
                return len(listening.addresses) == 2

            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(listening.keep_trying())
                await eventually(is_taken)
            assert listening.addresses[0] == taken
            assert [one.problem for one in listening.sockets] == [None, None]
            with socket.create_connection((taken.host, taken.port), 10):
                pass
