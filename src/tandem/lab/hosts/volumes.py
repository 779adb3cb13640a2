"""Faults of single volumes, and their repair."""

from tandem.lab.hosts import disks, rootfs
from tandem.lab.hosts.book import Book
from tandem.lab.hosts.commands import run
from tandem.lab.hosts.disks import OpenDisk, VolumeFault
from tandem.lab.hosts.errors import LabError
from tandem.lab.hosts.state import HostState, LabState


def break_volume(book: Book, state: LabState, name: str, volume: str, fault: VolumeFault) -> None:
    """Let something befall a volume of a host that is on; done already if it has.

    Raises:
        LabError: there is no such volume, the host is off, or the volume has another fault.
    """
    host = _host_with(state, name, volume)
    if host.volumes[volume] is fault:
        return
    if host.volumes[volume] is not None:
        raise LabError(f"Volume {volume} of {name} is {host.volumes[volume]}. Repair it first.")
    with _opened(state, name, volume) as disk:
        match fault:
            case VolumeFault.READ_ONLY:
                disk.fail_writing()
            case VolumeFault.FULL:
                disk.fill()
            case VolumeFault.HUNG:
                disk.hang()
            case VolumeFault.DESTROYED:
                disk.cut_power()
                book.disk(state, name, volume).path.unlink()
    host.volumes[volume] = fault


def repair_volume(book: Book, state: LabState, name: str, volume: str) -> None:
    """Undo what befell a volume; one that was destroyed comes back empty.

    Raises:
        LabError: a process still has a file open on the read-only one, or the host is off, where a
            full volume cannot be emptied.
    """
    host = _host_with(state, name, volume)
    match host.volumes[volume]:
        case VolumeFault.FULL:
            with _opened(state, name, volume) as disk:
                disk.make_room()
        case VolumeFault.HUNG:
            with _opened(state, name, volume) as disk:
                disk.resume()
        case VolumeFault.READ_ONLY | VolumeFault.DESTROYED:
            _replace(book, state, name, volume)
        case None:
            return
    host.volumes[volume] = None


def _replace(book: Book, state: LabState, name: str, volume: str) -> None:
    """Take the old disk out; put it in again, checked, or a new one if its image is gone."""
    image = book.disk(state, name, volume).path
    host = state.host(name)
    at = str(rootfs.mounted_at(volume))
    if host.process is not None and host.is_on:
        _unmount(host.process.enter("mount", "pid"), at)
    if image.exists():
        disks.wait_released(image)
        disks.check(image)
    else:
        disks.create(image, state.volume_mib)
    if host.process is not None and host.is_on:
        device = disks.attach(image)
        try:
            options = ["-n", "-t", "ext4", "-o", rootfs.MOUNT_OPTIONS]
            run([*host.process.enter("mount", "pid"), "mount", *options, device, at])
        finally:
            disks.detach(device)


def _unmount(inside: list[str], at: str) -> None:
    """Even while files are open; after a restart, one that was destroyed is not mounted."""
    is_mounted = run([*inside, "findmnt", "--noheadings", "--types", "ext4", at], fine=(0, 1))
    if is_mounted:
        run([*inside, "umount", "-n", "--lazy", at])


def _opened(state: LabState, name: str, volume: str) -> OpenDisk:
    return OpenDisk(state.running(name).root / rootfs.mounted_at(volume).relative_to("/"))


def _host_with(state: LabState, name: str, volume: str) -> HostState:
    host = state.host(name)
    if volume not in host.volumes:
        known = ", ".join(host.volumes) or "none"
        raise LabError(f'{name} has no volume "{volume}". It has: {known}.')
    if state.no_images_why is not None:
        raise disks.refuse("A volume fault", state.no_images_why)
    return host
