"""Faults of networks and of whole hosts that are not a loss of power."""

from collections.abc import Collection

from tandem.lab.hosts import switch
from tandem.lab.hosts.errors import LabError
from tandem.lab.hosts.networks import cables
from tandem.lab.hosts.networks import network as network_called
from tandem.lab.hosts.state import LabState
from tandem.lab.hosts.switch import Direction


def cut(state: LabState, name: str, link: str, directions: Collection[Direction]) -> None:
    """Drop what a host sends to a network, what it is sent, or both, beside what is cut already.

    Raises:
        LabError: there is no such host or network, or `nft` cannot be used.
    """
    host = state.host(name)
    network = network_called(link)
    if network not in [cable.network for cable in cables(name, state.cameras)]:
        raise LabError(f"{name} is not connected to the network {network.key}.")
    already = host.cuts.get(network.name, [])
    host.cuts[network.name] = sorted({*already, *directions})
    switch.apply(state.switch(), state.cut_ports())


def heal(state: LabState, name: str | None, link: str | None) -> None:
    """Undo cuts: of a host or of all, on one network or on all.

    Raises:
        LabError: there is no such host or network, or `nft` cannot be used.
    """
    hosts = state.hosts.values() if name is None else [state.host(name)]
    network = None if link is None else network_called(link)
    if not any(host.cuts for host in hosts):
        return
    for host in hosts:
        if network is None:
            host.cuts.clear()
        else:
            host.cuts.pop(network.name, None)
    switch.apply(state.switch(), state.cut_ports())


def freeze(state: LabState, name: str) -> None:
    """Let a host stand still, as a virtual machine that is paused; done already if it does.

    Raises:
        LabError: it is off, there is no freezer here, or a process of it hangs in the kernel.
    """
    state.running(name)
    host, group = state.host(name), state.group(name)
    if group is None:
        raise LabError(
            "Freezing needs a control group that this lab may make, and there is none. Run the lab "
            "as root, with cgroup v2 or the v1 freezer writable below /sys/fs/cgroup."
        )
    host.frozen = True
    switch.apply(state.switch(), state.cut_ports())
    try:
        group.freeze()
    except LabError:
        thaw(state, name)
        raise


def thaw(state: LabState, name: str) -> None:
    """Let a host go on where it stood; done already if it does.

    Raises:
        LabError: it is off, or the kernel did not thaw it.
    """
    state.running(name)
    host, group = state.host(name), state.group(name)
    if group is None or not host.frozen:
        return
    host.frozen = False
    # The ports first: what a process does before it looks at a clock must reach the others.
    switch.apply(state.switch(), state.cut_ports())
    group.thaw()
