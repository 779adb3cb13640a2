"""What the agents of a cluster say, asked over their control sockets from outside of the hosts."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tandem.lab.hosts import Host
from tandem.node.control.client import AskingError, ControlClient
from tandem.node.home import Home
from tandem.node.settings import DATA

_DEADLINE_S: Final = 12.0
_LONGEST_REASON: Final = 200
Json = Mapping[str, Any]


def client(host: Host) -> ControlClient:
    """Whoever asks the agent of a host.

    Raises:
        LabError: the host is off.
    """
    return ControlClient(host.outside(Home(DATA).socket), _DEADLINE_S)


def silent(hosts: Sequence[Host]) -> str:
    """Which nodes do not answer yet, or cannot use the store; empty: none."""
    for host in hosts:
        try:
            found = client(host).node()
        except AskingError as error:
            return f"{host.name} does not answer ({error})"
        if found["session"]["renewed_us"] is None:
            why = found["store"]["problem"] or "nobody leads it"
            return f"{host.name} has no session in the store yet ({why[:_LONGEST_REASON]})"
    return ""


def unrecorded(host: Host, cameras: int, copies: int) -> str:
    """Which cameras are not recorded by as many nodes as they should be; empty: none.

    Args:
        host: whose agent is asked.
        cameras: how many there are.
        copies: how many nodes are to record each.
    """
    try:
        status = client(host).status()
    except AskingError as error:
        return str(error)
    missing = [
        f"{camera['camera_id']} by {len(_recording(camera))} of {copies}"
        for camera in status["cameras"]
        if len(_recording(camera)) < copies
    ]
    if len(status["cameras"]) < cameras:
        missing.append(f"{cameras - len(status['cameras'])} cameras are not known yet")
    shown = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
    return f"recorded are {shown}." if missing else ""


def _recording(camera: Json) -> set[str]:
    """The nodes that have pictures of it on their disks, and receive more."""
    return {
        copy["node_id"]
        for copy in camera["copies"]
        if copy["connected"] and copy["durable_until_us"] is not None
    }
