"""What belongs to one address on this node: its options, and the files of its holder."""

import errno
import fcntl
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from tandem.resources.address.netlink import IpAddress
from tandem.resources.kind import Place
from tandem.resources.options import Options, checked_id

_KNOWN = ("address", "interface")
_LONGEST_INTERFACE = 15  # IFNAMSIZ, without the NUL
_FLOCK = struct.Struct("@hhqqi")  # struct flock: type, whence, start, length, pid


@dataclass(frozen=True, slots=True)
class Belongings:
    """One address on this node.

    Attributes:
        resource_id: its name in the cluster.
        ip: the address.
        interface: where it belongs; None: where its subnet is.
        run_directory: of this node.
    """

    resource_id: str
    ip: IpAddress
    interface: str | None
    run_directory: Path

    @property
    def owner(self) -> str:
        """How messages name the resource."""
        return f"Resource {self.resource_id}"

    @property
    def definition(self) -> str:
        """What a holder was started with; another definition needs another holder."""
        return f"{self.ip} {self.interface or ''}"

    @property
    def directory(self) -> Path:
        """Where its holder's files are."""
        return self.run_directory / "address"

    @property
    def lock(self) -> Path:
        """The file that its holder has locked as long as it lives: whose lock it is says who."""
        return self.directory / f"{self.resource_id}.lock"

    @property
    def socket_name(self) -> str:
        """By which its holder can be asked, in `directory`."""
        return f"{self.resource_id}.sock"


def read(resource_id: str, options: Mapping[str, object], place: Place) -> Belongings:
    """Read a definition.

    Raises:
        OptionError: an option is missing, unknown or wrong.
    """
    checked = checked_id(resource_id)
    given = Options(f"Resource {checked}", options, _KNOWN)
    interface = given.text("interface") if given.has("interface") else None
    if interface and not _is_interface_name(interface):
        raise given.error("interface", "write the name of a network interface, as `ip link` shows.")
    return Belongings(checked, _address(given, interface), interface, place.run_directory)


def _address(given: Options, interface: str | None) -> IpAddress:
    text = given.text("address")
    try:
        ip = ip_address(text)
    except ValueError:
        hint = " without its subnet" if "/" in text else ""
        raise given.error(
            "address", f"write one IPv4 or IPv6 address{hint}, not {text!r}."
        ) from None
    if isinstance(ip, IPv6Address) and (ip.scope_id or ip.ipv4_mapped):
        raise given.error("address", f"{text} cannot be used. Name the interface on its own.")
    if ip.is_multicast or ip.is_unspecified or ip.is_loopback or int(ip) == 0xFFFFFFFF:
        raise given.error("address", f"{text} is not an address that a host can move to.")
    if ip.is_link_local and ip.version == 6 and interface is None:
        raise given.error("address", f"{text} is on every interface: name one (interface).")
    return ip


def _is_interface_name(name: str) -> bool:
    is_short = 0 < len(os.fsencode(name)) <= _LONGEST_INTERFACE
    return is_short and "/" not in name and not name.isspace() and name not in {".", ".."}


def holder_pid(belongings: Belongings) -> int | None:
    """The process that holds, or stands ready to hold, the address: as the kernel knows it.

    Returns:
        Its number; None if there is none.
    """
    try:
        fd = os.open(belongings.lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = _FLOCK.unpack(fcntl.fcntl(fd, fcntl.F_GETLK, asked))
    finally:
        os.close(fd)
    return None if kind == fcntl.F_UNLCK else int(pid)


def take_lock(belongings: Belongings) -> int | None:
    """Become the holder, for as long as this process lives.

    Returns:
        A descriptor that is never closed; None if another process is.
    """
    fd = os.open(belongings.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        if error.errno in {errno.EACCES, errno.EAGAIN}:
            return None
        raise
    return fd
