"""What a lab is, as `lab.json` has it: enough to clean up after it, whoever made it."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tandem.lab.hosts.disks import VolumeFault
from tandem.lab.hosts.errors import LabError
from tandem.lab.hosts.freezer import Group
from tandem.lab.hosts.networks import cables
from tandem.lab.hosts.processes import Process
from tandem.lab.hosts.switch import Direction

VERSION = 1


@dataclass(slots=True)
class HostState:
    """One host.

    Attributes:
        process: its init; nothing while it is switched off.
        frozen: whether everything on it stands still.
        cuts: by network name, which frames its switch port drops.
        volumes: its volumes by name, and what is wrong with each.
    """

    process: Process | None = None
    frozen: bool = False
    cuts: dict[str, list[Direction]] = field(default_factory=dict)
    volumes: dict[str, VolumeFault | None] = field(default_factory=dict)

    @property
    def is_on(self) -> bool:
        """Whether it runs, frozen or not."""
        return self.process is not None and self.process.is_alive()


@dataclass(slots=True)
class LabState:
    """One lab.

    Attributes:
        name: by which its processes and control groups can be recognised.
        no_images_why: why hosts have plain directories for disks; nothing if they have disks.
        volume_mib: the size of each volume.
        cameras: how many addresses the camera server has.
        user_namespace: whether everything is in a user namespace.
        freezer: the control group of the lab; nothing where freezing is not possible.
        ground: the lab's own init, whose PID namespace contains all others and whose network
            namespace is the switch; nothing before it runs.
        hosts: by name.
    """

    name: str
    no_images_why: str | None
    volume_mib: int
    cameras: int
    user_namespace: bool
    freezer: str | None = None
    ground: Process | None = None
    hosts: dict[str, HostState] = field(default_factory=dict)

    def host(self, name: str) -> HostState:
        """The host of this name.

        Raises:
            LabError: there is none.
        """
        try:
            return self.hosts[name]
        except KeyError:
            known = ", ".join(self.hosts)
            raise LabError(f'The lab has no host "{name}". It has: {known}.') from None

    def running(self, name: str) -> Process:
        """The init of a host that is on.

        Raises:
            LabError: there is no such host, or it is off.
        """
        host = self.host(name)
        if host.process is None or not host.process.is_alive():
            raise LabError(f"{name} is switched off. Start it first.")
        return host.process

    def switch(self) -> Process:
        """The lab's own init.

        Raises:
            LabError: it does not run.
        """
        if self.ground is None or not self.ground.is_alive():
            raise LabError("The lab does not run any more. Take it down, and up again.")
        return self.ground

    def group(self, host: str) -> Group | None:
        """The control group of a host; nothing where freezing is not possible."""
        return None if self.freezer is None else Group(Path(self.freezer) / host)

    def cut_ports(self) -> dict[str, list[Direction]]:
        """What the switch is to drop: what was cut, and everything of hosts that are frozen.

        The kernel would go on acknowledging for a frozen process; a machine that stands still
        answers nothing.
        """
        ports = {}
        for name, host in self.hosts.items():
            for cable in cables(name, self.cameras):
                cut = list(Direction) if host.frozen else host.cuts.get(cable.network.name)
                if cut:
                    ports[cable.port] = cut
        return ports


def save(state: LabState, path: Path) -> None:
    """Write it so that a reader finds the old or the new, whole."""
    text = json.dumps({"version": VERSION, **asdict(state)}, indent=1)
    draft = path.with_suffix(".new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def load(path: Path) -> LabState:
    """Read it.

    Raises:
        LabError: there is no lab, or one of another version of Tandem.
    """
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LabError(f"There is no lab in {path.parent}.") from None
    except ValueError as error:
        raise LabError(f"{path} is damaged ({error}).") from None
    version = fields.pop("version", None)
    if version != VERSION:
        raise LabError(
            f"The lab in {path.parent} was made by another version of Tandem (lab.json version "
            f"{version}, not {VERSION}). Take it down with that one."
        )
    hosts = {name: _host(each) for name, each in fields.pop("hosts").items()}
    ground = _process(fields.pop("ground"))
    return LabState(**fields, ground=ground, hosts=hosts)


def _host(fields: dict[str, Any]) -> HostState:
    return HostState(
        process=_process(fields["process"]),
        frozen=fields["frozen"],
        cuts={name: [Direction(each) for each in cut] for name, cut in fields["cuts"].items()},
        volumes={
            name: None if fault is None else VolumeFault(fault)
            for name, fault in fields["volumes"].items()
        },
    )


def _process(fields: dict[str, Any] | None) -> Process | None:
    return None if fields is None else Process(**fields)
