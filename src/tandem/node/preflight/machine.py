"""Which checks are made on one machine, and all of them carried out at once."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from tandem.archive.errors import words_of
from tandem.clock import Clock
from tandem.node.agent.memory import remembered_peers
from tandem.node.beats import PORT
from tandem.node.home import Home
from tandem.node.preflight import (
    backups,
    clocks,
    independence,
    limits,
    ports,
    store_disk,
    versions,
    volumes,
    watchdog,
    ways,
)
from tandem.node.preflight.finding import Finding, unchecked
from tandem.node.preflight.running import Look, run_all
from tandem.node.preflight.ways import Way
from tandem.node.settings import DATA, CapacitySettings, NodeSettings

ANY_ADDRESS: Final = "0.0.0.0"  # noqa: S104 - taken for a moment, to see whether it is free

NO_NODE: Final = "This machine is no node yet."


def check_machine(
    settings: NodeSettings | None, clock: Clock, *, agent_runs: bool
) -> list[Finding]:
    """Look at this machine. Blocks for some seconds.

    Args:
        settings: of its node; None: it is no node yet, and only what needs no settings is judged.
        clock: of this machine.
        agent_runs: whether its agent does, so that its ports are taken and others' should answer.

    Returns:
        The findings, with the node's name where it has one.
    """
    looks = [*_for_any_machine(settings, clock, agent_runs=agent_runs), *_for_a_node(settings)]
    if settings and agent_runs:
        looks.append(Look(backups.CHECK, partial(backups.look, Home(settings.data).backups, clock)))
        looks += _ways(settings, clock)
    found = run_all(looks, clock)
    if settings is None:
        found += [unchecked(check, NO_NODE) for check in (independence.CHECK, volumes.CHECK)]
    node_id = settings.node_id if settings else ""
    return [replace(finding, node=node_id) for finding in found]


def check_ways(machines: Sequence[str], clock: Clock) -> list[Finding]:
    """Measure the ways to other machines that belong to no cluster yet. Blocks for some seconds.

    Args:
        machines: their addresses; `tandem check --listen` runs on each.
        clock: of this machine.
    """
    return run_all([_way(Way(address, "", address), b"", clock) for address in machines], clock)


def _for_any_machine(
    settings: NodeSettings | None, clock: Clock, *, agent_runs: bool
) -> list[Look]:
    data = settings.data if settings else DATA
    mounted = [it.path for it in settings.volumes] if settings else []
    streams = settings.capacity.streams if settings else CapacitySettings().streams
    if settings and not settings.volumes:
        streams = 0
    looks = [
        Look(clocks.CHECK, clocks.look),
        Look(
            versions.CHECK,
            partial(versions.look, needs_etcd=settings is None or settings.store_is_embedded),
        ),
        Look(limits.CHECK, partial(limits.look, streams)),
        Look(watchdog.CHECK, watchdog.look),
    ]
    if settings is None or settings.store_is_embedded:
        looks.append(Look(store_disk.CHECK, partial(store_disk.look, data, mounted, clock)))
    wanted = ports.ports_of(settings, settings.heartbeat_port if settings else PORT)
    if not agent_runs:
        own = [link.address for link in settings.links] if settings else [ANY_ADDRESS]
        looks.append(Look(ports.CHECK, partial(ports.look_free, own, wanted)))
    elif settings:
        peers = remembered_peers(settings)
        others = {peer.node_id: list(peer.addresses.values()) for peer in peers}
        looks.append(Look(ports.CHECK, partial(ports.look_reached, others, wanted, clock)))
    return looks


def _ways(settings: NodeSettings, clock: Clock) -> Iterator[Look]:
    """All nodes check at once, so each answers the others while it asks."""
    try:
        key = Home(settings.data).cluster_key.read_bytes()
    except OSError as problem:
        why = f"The cluster's key cannot be read: {words_of(problem)}."
        yield Look(ways.CHECK, lambda: [unchecked(ways.CHECK, why)])
        return
    addresses = [link.address for link in settings.links]

    def listen() -> list[Finding]:
        ways.listen(addresses, key, clock, ways.LISTEN_S)
        return []

    if settings.peers:
        yield Look(ways.CHECK, listen)
    for peer in settings.peers:
        for link in settings.links:
            if remote := peer.addresses.get(link.name):
                yield _way(
                    Way(f"{peer.node_id}, link {link.name}", link.address, remote), key, clock
                )


def _way(way: Way, key: bytes, clock: Clock) -> Look:
    return Look(ways.CHECK, partial(ways.look, way, key, clock))


def _for_a_node(settings: NodeSettings | None) -> list[Look]:
    if settings is None:
        return []
    return [
        Look(
            independence.CHECK,
            partial(independence.look, settings.links, has_peers=bool(remembered_peers(settings))),
        ),
        *(
            Look(volumes.CHECK, partial(volumes.look, volume, settings.cluster))
            for volume in settings.volumes
        ),
    ]
