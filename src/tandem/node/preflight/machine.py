"""Which checks are made on one machine, and all of them carried out at once."""

from dataclasses import replace
from functools import partial
from typing import Final

from tandem.clock import Clock
from tandem.node.agent.memory import remembered_peers
from tandem.node.beats import PORT
from tandem.node.preflight import (
    clocks,
    independence,
    limits,
    ports,
    store_disk,
    versions,
    volumes,
    watchdog,
)
from tandem.node.preflight.finding import Finding, unchecked
from tandem.node.preflight.running import Look, run_all
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
    found = run_all(looks, clock)
    if settings is None:
        found += [unchecked(check, NO_NODE) for check in (independence.CHECK, volumes.CHECK)]
    node_id = settings.node_id if settings else ""
    return [replace(finding, node=node_id) for finding in found]


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
