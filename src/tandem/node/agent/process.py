"""The agent as a process: from the settings to the end in good order."""

import asyncio
import logging
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from random import Random

from tandem.archive.errors import words_of
from tandem.clock import Clock
from tandem.node.agent import memory
from tandem.node.agent.agent import RELEASE, Agent, Identity, RemovedError
from tandem.node.agent.guard import guarded
from tandem.node.agent.registration import REMOVED_NODE, RETRY_S, entry_of, register
from tandem.node.agent.store_member import StoreMember, known_endpoints
from tandem.node.agent.store_roles import StoreRoles
from tandem.node.archivist.view import Address
from tandem.node.authority import Credentials, fingerprint
from tandem.node.control.composed import ComposedControl
from tandem.node.control.service import AGENT_PORT, serve_links, serve_unix
from tandem.node.home import Home
from tandem.node.joining.inviting import Inviter
from tandem.node.joining.renewal import Renewal
from tandem.node.joining.service import JoinService
from tandem.node.joining.signing import keep_in_store
from tandem.node.pulse.child import PulseChild
from tandem.node.seal import Sealer
from tandem.node.settings import NodeSettings
from tandem.node.started import note_start
from tandem.node.store.errors import StoreError
from tandem.node.store.etcd import EtcdStore, open_store
from tandem.node.tls import client_context, server_context

log = logging.getLogger(__name__)


class HomeError(Exception):
    """This node is not made yet, or what makes it a node is damaged."""


async def run(settings: NodeSettings, clock: Clock, random: Random) -> None:
    """Be this node's agent until the process is asked to end.

    Raises:
        HomeError: the node's own files are missing.
        ProgramMissingError: etcd is not on this machine.
        AuthorityError: a certificate is damaged.
        SocketError: another agent of this node runs.
    """
    _end_by_signals()
    identity = await asyncio.to_thread(_identify, settings, clock)
    if await asyncio.to_thread(memory.was_removed, settings):
        await _idle()
        return
    member = StoreMember(settings, random) if settings.store_is_embedded else None
    is_removed = False
    try:
        await _serve(identity, member, clock, random)
    except* asyncio.CancelledError:
        log.info("the agent of node %s ends, as it was asked to", settings.node_id)
    except* RemovedError:
        await asyncio.to_thread(memory.remember_removal, settings)
        is_removed = True
    finally:
        if member:
            await member.stop()
    if is_removed:
        await _idle()


async def _idle() -> None:
    """Do nothing until the process is asked to end: if it ended, it would be started again."""
    log.critical("%s", REMOVED_NODE)
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()


def _end_by_signals() -> None:
    """Cancel the present task at the first signal; a second one must not cut the end short."""
    working, loop = asyncio.current_task(), asyncio.get_running_loop()

    def end() -> None:
        if working and not working.cancelling():
            working.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)


async def _serve(
    identity: Identity, member: StoreMember | None, clock: Clock, random: Random
) -> None:
    settings, home = identity.settings, Home(identity.settings.data)
    addresses = [Address(link.address, AGENT_PORT) for link in settings.links]
    certificate = await asyncio.to_thread(home.credentials.read_bytes)
    own = entry_of(settings, fingerprint(certificate))
    async with _store_of(settings, random) as store:
        sealer = Sealer(identity.key)
        asking = client_context(home.authority, home.credentials)
        pulse = PulseChild(clock)
        agent = Agent(identity, store, sealer, asking, member, pulse, clock, random)
        inviter = await asyncio.to_thread(_inviter, identity, store, agent, clock)
        control = ComposedControl(settings, agent.known, store, sealer, asking, clock, inviter)
        serving = server_context(home.authority, home.credentials)

        async def serve_others() -> None:
            async with serve_links(control, addresses, serving):
                await asyncio.Event().wait()

        async with serve_unix(control, home.socket), asyncio.TaskGroup() as tasks:
            log.info("node %s of cluster %d begins", settings.node_id, settings.cluster)
            parts: list[tuple[str, Callable[[], Awaitable[None]]]] = [
                ("registration", partial(register, store, own, random)),
                ("answering other nodes", serve_others),
            ]
            if member:
                roles = StoreRoles(
                    settings, store, member, lambda: agent.company, agent.ask_store_at, clock
                )

                async def enter(shown: str) -> None:
                    await register(store, entry_of(settings, shown), random)

                renewal = Renewal(settings, store, identity.key, (asking, serving), enter, clock)
                joins = JoinService(inviter, home.authority, home.credentials)
                parts += [
                    ("who holds the store", roles.run),
                    ("letting servers in", joins.run),
                    ("renewing the certificate", renewal.run),
                    ("keeping the authority", partial(_keep_authority, store, identity, random)),
                ]
            for name, part in parts:
                tasks.create_task(guarded(name, part, clock, random), name=name)
            tasks.create_task(agent.run(), name="agent")


def _inviter(identity: Identity, store: EtcdStore, agent: Agent, clock: Clock) -> Inviter:
    """Whoever lets servers in, on this node. Blocks."""
    authority = Home(identity.settings.data).authority.read_bytes()
    return Inviter(
        identity.settings,
        store,
        identity.key,
        fingerprint(authority),
        RELEASE,
        agent.known.members,
        clock,
        AGENT_PORT,
    )


async def _keep_authority(store: EtcdStore, identity: Identity, random: Random) -> None:
    """On the node that made the cluster: let the store have its authority's key as well."""
    home = Home(identity.settings.data)
    if not await asyncio.to_thread(home.authority_key.exists):
        return
    files = (home.authority_key, home.authority)
    key, certificate = [await asyncio.to_thread(it.read_bytes) for it in files]
    while True:
        try:
            await keep_in_store(store, Credentials(key, certificate), identity.key)
        except StoreError as problem:
            log.debug("the authority's key is not in the store yet: %s", problem)
            await asyncio.sleep(random.uniform(*RETRY_S))
        else:
            return


@asynccontextmanager
async def _store_of(settings: NodeSettings, random: Random) -> AsyncGenerator[EtcdStore, None]:
    home = Home(settings.data)
    asked = await asyncio.to_thread(known_endpoints, settings)
    is_encrypted = asked[0].url.startswith("https://")
    tls = client_context(home.authority, home.credentials) if is_encrypted else None
    async with open_store(asked, random, tls=tls) as store:
        yield store


def _identify(settings: NodeSettings, clock: Clock) -> Identity:
    """Read what makes this machine a node. Blocks."""
    home = Home(settings.data)
    missing = [
        path for path in (home.authority, home.credentials, home.cluster_key) if not path.exists()
    ]
    if missing:
        raise HomeError(
            f"{missing[0]} is missing: this node belongs to no cluster yet, or its disk is not"
            f" mounted at {home.data}. `tandem up` makes a cluster of one node."
        )
    try:
        key = home.cluster_key.read_bytes()
        started_us = note_start(home.started, clock)
        return Identity(settings, key, started_us, known_endpoints(settings))
    except OSError as problem:
        raise HomeError(f"{home.data} cannot be used: {words_of(problem)}.") from problem
