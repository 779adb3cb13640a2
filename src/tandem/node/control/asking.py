"""Asking other nodes how they are: on all links at once, and the first good answer counts.

A status is small and asked for by people, so nobody waits to see whether a link is slow.
"""

import asyncio
import json
import os
import ssl
from collections.abc import Mapping, Sequence
from typing import Final

import aiohttp

from tandem.clock import Clock
from tandem.node.archivist.view import Address
from tandem.node.control.merge import Answer
from tandem.node.control.protocol import VERSION, Json
from tandem.node.tls import has_ended

DEADLINE_S: Final = 2.0
LARGEST_ANSWER_BYTES: Final = 8 << 20


async def ask_nodes(
    nodes: Mapping[str, Sequence[Address]],
    tls: ssl.SSLContext,
    clock: Clock,
    path: str = "/v1/node",
    deadline_s: float = DEADLINE_S,
) -> dict[str, Answer]:
    """Ask nodes for their status, or for another document with their id and time, all at once.

    Args:
        nodes: the addresses of each one's agent, one a link.
        tls: as `node.tls.client_context` makes it.
        clock: of this node.
        path: of the document.
        deadline_s: for all of it.

    Returns:
        Of each node its document, or why there is none; after the deadline at the latest.
    """
    async with (
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls, limit=0, force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=deadline_s),
        ) as session,
        asyncio.TaskGroup() as group,
    ):
        asked = {
            node_id: group.create_task(_ask(session, clock, node_id, addresses, path))
            for node_id, addresses in nodes.items()
        }
    return {node_id: task.result() for node_id, task in asked.items()}


async def _ask(
    session: aiohttp.ClientSession,
    clock: Clock,
    node_id: str,
    addresses: Sequence[Address],
    path: str,
) -> Answer:
    failures: list[str] = []
    async with asyncio.TaskGroup() as group:
        pending = {
            group.create_task(_ask_on(session, clock, node_id, address, path))
            for address in addresses
        }
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                outcome = task.result()
                if isinstance(outcome, Answer):
                    for slower in pending:
                        slower.cancel()
                    return outcome
                failures.append(outcome)
    reasons = "; ".join(sorted(failures)) or "it has no address"
    return Answer(None, f"{node_id} does not answer: {reasons}.", None)


async def _ask_on(
    session: aiohttp.ClientSession, clock: Clock, node_id: str, address: Address, path: str
) -> Answer | str:
    """Ask on one link. Errors are values: one link's failure must not end the others."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    began_us, began_utc_us = clock.boot_us(), clock.utc_us()
    try:
        async with session.get(
            f"https://{host}:{address.port}{path}",
            server_hostname=node_id,
            allow_redirects=False,
        ) as response:
            data = await response.content.read(LARGEST_ANSWER_BYTES)
            while not response.content.at_eof() and len(data) < LARGEST_ANSWER_BYTES:
                data += await response.content.read(LARGEST_ANSWER_BYTES - len(data))
            status = _status(node_id, json.loads(data))
    except TimeoutError:
        return f"{address.host} has no answer within {session.timeout.total or 0:.0f} s"
    except (OSError, aiohttp.ClientError) as error:
        return f"{address.host}: {_reason(error)}"
    except ValueError as error:
        return f"{address.host}: {error}"
    half_us = (clock.boot_us() - began_us) // 2
    return Answer(status, None, int(status["at_us"]) - began_utc_us - half_us, half_us)


def _reason(error: OSError | aiohttp.ClientError) -> str:
    """The operating system's word for it, where there is one; aiohttp's own are long."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        if has_ended(getattr(error, "certificate_error", None)):
            return "its certificate has ended, by this node's clock; is that right (`timedatectl`)?"
        return "its certificate is not one of this cluster's for that node"
    if type(error) is aiohttp.ClientConnectorError and error.os_error.errno:
        return os.strerror(error.os_error.errno)  # asyncio has put words of its own in its place
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    return str(getattr(cause, "strerror", None) or str(cause) or type(error).__name__)


def _status(node_id: str, document: object) -> Json:
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise ValueError("it runs another release of Tandem; run the same one on all nodes")
    if "problem" in document:
        raise ValueError(str(document["problem"]))
    if document.get("node_id") != node_id or not isinstance(document.get("at_us"), int):
        raise ValueError("what it answers is no status of that node")
    return dict(document)
