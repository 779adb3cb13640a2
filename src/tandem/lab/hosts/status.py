"""How a lab is, for people and for JSON."""

from dataclasses import dataclass
from enum import StrEnum

from tandem.lab.hosts.disks import VolumeFault
from tandem.lab.hosts.networks import cables
from tandem.lab.hosts.state import HostState, LabState
from tandem.lab.hosts.switch import Direction


class Power(StrEnum):
    """Whether a host runs."""

    ON = "on"
    FROZEN = "frozen"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class HostStatus:
    """How a host is.

    Attributes:
        power: whether it runs.
        pid: its init, as seen from outside; nothing if it is off.
        addresses: by network; of the camera server, each camera's.
        cuts: by network, what its port drops.
        volumes: by name, what is wrong with each.
    """

    power: Power
    pid: int | None
    addresses: dict[str, list[str]]
    cuts: dict[str, list[Direction]]
    volumes: dict[str, VolumeFault | None]


@dataclass(frozen=True, slots=True)
class LabStatus:
    """How a lab is.

    Attributes:
        name: by which its processes and control groups can be recognised.
        is_running: whether its networks are there; if not, it can only be taken down.
        can_freeze: whether there is a freezer.
        keeps_unsynced_why: why `kill` cannot drop unsynced data here; nothing if it does.
        hosts: by name.
    """

    name: str
    is_running: bool
    can_freeze: bool
    keeps_unsynced_why: str | None
    hosts: dict[str, HostStatus]


def status_of(state: LabState) -> LabStatus:
    """Look at what runs."""
    return LabStatus(
        name=state.name,
        is_running=state.ground is not None and state.ground.is_alive(),
        can_freeze=state.freezer is not None,
        keeps_unsynced_why=state.no_images_why,
        hosts={name: _host(state, name, host) for name, host in state.hosts.items()},
    )


def _host(state: LabState, name: str, host: HostState) -> HostStatus:
    on = host.process is not None and host.process.is_alive()
    return HostStatus(
        power=(Power.FROZEN if host.frozen else Power.ON) if on else Power.OFF,
        pid=host.process.pid if host.process is not None and on else None,
        addresses={
            cable.network.name: [str(address.ip) for address in cable.addresses]
            for cable in cables(name, state.cameras)
        },
        cuts=host.cuts,
        volumes=host.volumes,
    )
