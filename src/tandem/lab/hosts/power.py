"""Switching hosts on, and cutting their power."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

from tandem.lab.hosts import disks, rootfs, switch
from tandem.lab.hosts.book import Book
from tandem.lab.hosts.commands import DEADLINE_S
from tandem.lab.hosts.disks import OpenDisk, VolumeFault
from tandem.lab.hosts.launch import Launch, Newborn, launch
from tandem.lab.hosts.networks import cables
from tandem.lab.hosts.processes import Process
from tandem.lab.hosts.rootfs import SYSTEM
from tandem.lab.hosts.state import HostState, LabState

_SYSTEM_MIB = 512
_AT_ONCE = 4
_CURED_BY_A_RESTART = (VolumeFault.HUNG, VolumeFault.READ_ONLY)


def start(book: Book, state: LabState, names: Sequence[str]) -> None:
    """Switch hosts on; those that are on stay as they are.

    Raises:
        LabError: one does not start; none of them does then.
    """
    ground = state.switch()
    names = [name for name in names if not state.host(name).is_on]
    for name in names:
        if state.host(name).process is not None:
            kill(book, state, name)  # it died by itself, or nobody finished killing it
    with ExitStack() as held:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            newborns = list(pool.map(partial(_bear, book, state, held), names))
        for name, newborn in zip(names, newborns, strict=True):
            state.hosts[name].process = newborn.process
        book.save(state)
        for name, newborn in zip(names, newborns, strict=True):
            if (group := state.group(name)) is not None:
                group.create()
                group.add(newborn.process.pid)
            switch.plug(ground, newborn.process, cables(name, state.cameras))
        for newborn in newborns:
            newborn.go()


def _bear(book: Book, state: LabState, held: ExitStack, name: str) -> Newborn:
    """Start a host's init, which ends when `held` does unless it was let go."""
    host = state.hosts[name]
    for disk in _disks(host):
        _prepare(book, state, name, disk)
    book.stage(name).mkdir(exist_ok=True)
    volumes = {
        volume: None if fault is VolumeFault.DESTROYED else book.disk(state, name, volume)
        for volume, fault in host.volumes.items()
    }
    book.management.mkdir(exist_ok=True)
    system = book.disk(state, name, SYSTEM)
    steps = rootfs.steps(book.stage(name), system, volumes, book.management)
    log = book.log(name)
    return held.enter_context(
        launch(Launch(state.name, name, steps, log, state.switch(), state.user_namespace))
    )


def kill(book: Book, state: LabState, name: str) -> None:
    """Cut a host's power: it sends nothing more, and what it had not synced is gone.

    Raises:
        LabError: something of it hangs in the kernel.
    """
    host = state.host(name)
    # The ports first: a dying process closes its connections, and nobody may hear of it.
    switch.unplug(state.switch(), cables(name, state.cameras))
    if host.process is not None:
        cut_power(state, [name], host.process)
    _clear(book, state, name)
    host.process = None
    for volume, fault in host.volumes.items():
        if fault in _CURED_BY_A_RESTART:
            host.volumes[volume] = None
    if host.frozen:
        host.frozen = False
        switch.apply(state.switch(), state.cut_ports())


def cut_power(state: LabState, names: Sequence[str], process: Process) -> None:
    """Kill an init with all below it, and drop what these hosts had not synced.

    Raises:
        LabError: something hangs in the kernel.
    """
    with ExitStack() as held:
        mounted = [held.enter_context(disk) for name in names for disk in _mounted(state, name)]
        ending = held.enter_context(process.end())
        for disk in mounted:
            disk.cut_power()
        for name in names:
            group = state.group(name)
            if group is not None and group.path.exists():
                # The v1 freezer holds the dead; whoever is thawed alive would run for an instant.
                group.kill()
                group.thaw()
        ending.wait(DEADLINE_S)


def _clear(book: Book, state: LabState, name: str) -> None:
    """Wait until nothing is left of a host that is dead."""
    switch.remove(state.switch(), cables(name, state.cameras))
    group = state.group(name)
    if group is not None and group.path.exists():
        group.kill()
        group.wait_empty()
    for disk in _disks(state.hosts[name]):
        disks.wait_released(book.disk(state, name, disk).path)


def _prepare(book: Book, state: LabState, name: str, disk: str) -> None:
    source = book.disk(state, name, disk)
    source.path.parent.mkdir(parents=True, exist_ok=True)
    if not source.is_image:
        source.path.mkdir(exist_ok=True)
    elif source.path.exists():
        disks.wait_released(source.path)
        disks.check(source.path)
    elif state.hosts[name].volumes.get(disk) is not VolumeFault.DESTROYED:
        disks.create(source.path, _SYSTEM_MIB if disk == SYSTEM else state.volume_mib)


def _mounted(state: LabState, name: str) -> Iterator[OpenDisk]:
    host = state.hosts[name]
    if state.no_images_why is not None or host.process is None or not host.process.is_alive():
        return
    for disk in _usable(host):
        try:
            yield OpenDisk(host.process.root / rootfs.mounted_at(disk).relative_to("/"))
        except (FileNotFoundError, ProcessLookupError):
            return  # it dies just now, and its mounts with it


def _disks(host: HostState) -> list[str]:
    return [SYSTEM, *host.volumes]


def _usable(host: HostState) -> list[str]:
    return [disk for disk in _disks(host) if host.volumes.get(disk) is not VolumeFault.DESTROYED]
