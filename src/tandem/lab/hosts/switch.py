"""The lab's switch: bridges, cables and cuts, in a network namespace that holds nothing else.

Cuts are silent: a filter at the switch drops frames, and the host still sees its carrier, as when
a switch between two buildings fails. The filter is always written whole, from what is to be cut, so
that cutting twice is cutting once, and a port that comes back after a restart is still cut.
"""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum

from tandem.lab.hosts.commands import run, wait_until
from tandem.lab.hosts.errors import LabError
from tandem.lab.hosts.networks import NETWORKS, Cable
from tandem.lab.hosts.processes import Process

_DOWN = "DOWN"


class Direction(StrEnum):
    """Which frames a cut drops, as the host sees it."""

    IN = "in"
    OUT = "out"


Cuts = Mapping[str, Collection[Direction]]
"""Ports of the switch, and what is dropped there."""


def build(switch: Process) -> None:
    """Make the bridges.

    Raises:
        LabError: `ip` failed.
    """
    lines = []
    for network in NETWORKS:
        # Multicast goes to every port: without a querier, snooping would lose it after minutes.
        options = "stp_state 0 forward_delay 0 mcast_snooping 0"
        lines += [f"link add {network.name} type bridge {options}", f"link set {network.name} up"]
    _ip(switch, lines)


def plug(switch: Process, host: Process, cables: Iterable[Cable]) -> None:
    """Connect a host, and give it its addresses.

    Raises:
        LabError: `ip` failed.
    """
    outside: list[str] = []
    inside = ["link set lo up"]
    for cable in cables:
        name = cable.network.name
        peer = f"peer name {name} address {cable.mac} netns {host.pid}"
        outside += [
            f"link add {cable.port} type veth {peer}",
            f"link set {cable.port} master {name} up",
        ]
        inside += [f"address add {each} brd + dev {name}" for each in cable.addresses]
        inside.append(f"link set {name} up")
    _ip(switch, outside)
    _ip(host, inside)


def unplug(switch: Process, cables: Iterable[Cable]) -> None:
    """Take a host's ports down; nothing passes from here on. Ports that are gone are fine.

    Raises:
        LabError: `ip` failed.
    """
    ports = [cable.port for cable in cables]
    _end(switch, [f"link set {port} down" for port in ports])
    states = _states(switch)
    if any(states.get(port, _DOWN) != _DOWN for port in ports):
        raise LabError(f"The switch ports {', '.join(ports)} could not be taken down.")


def remove(switch: Process, cables: Iterable[Cable]) -> None:
    """Remove a host's cables; those that are gone are fine.

    Raises:
        LabError: `ip` failed.
    """
    ports = [cable.port for cable in cables]
    _end(switch, [f"link delete {port}" for port in ports])
    wait_until(
        lambda: not _states(switch).keys() & set(ports),
        f"The switch ports {', '.join(ports)} could not be removed.",
    )


def apply(switch: Process, cuts: Cuts) -> None:
    """Drop what is to be dropped, and nothing else.

    Raises:
        LabError: `nft` is missing or failed.
    """
    run([*switch.enter("net"), "nft", "-f", "-"], given=ruleset(cuts))


def ruleset(cuts: Cuts) -> str:
    """The filter for nft: it replaces the one before in a single transaction."""
    rules = []
    for direction, side in ((Direction.OUT, "iifname"), (Direction.IN, "oifname")):
        ports = sorted(port for port, directions in cuts.items() if direction in directions)
        if ports:
            names = ", ".join(f'"{port}"' for port in ports)
            rules.append(f"        {side} {{ {names} }} drop")
    return "\n".join(
        [
            "add table bridge lab",
            "delete table bridge lab",
            "table bridge lab {",
            "    chain forward {",
            "        type filter hook forward priority 0",
            *rules,
            "    }",
            "}",
            "",
        ]
    )


def _states(switch: Process) -> dict[str, str]:
    """The ports that there are, and whether each is "UP" or "DOWN"."""
    shown = run([*switch.enter("net"), "ip", "-brief", "link", "show", "type", "veth"])
    words = [line.split() for line in shown.splitlines()]
    return {name.partition("@")[0]: state for name, state, *_ in words}


def _end(switch: Process, lines: Iterable[str]) -> None:
    """Do each, whatever becomes of the others: the kernel may take ports away at any time."""
    batch = "".join(f"{line}\n" for line in lines)
    run([*switch.enter("net"), "ip", "-force", "-batch", "-"], given=batch, fine=(0, 1))


def _ip(place: Process, lines: Iterable[str]) -> None:
    if batch := "".join(f"{line}\n" for line in lines):
        run([*place.enter("net"), "ip", "-batch", "-"], given=batch)
