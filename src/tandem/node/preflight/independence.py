"""Whether this node's links can fail one without the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from itertools import combinations
from pathlib import Path
from typing import Final

from tandem.node.preflight.finding import Finding, failed, passed, warned
from tandem.node.settings import LinkSettings
from tandem.resources.address.errors import KernelError
from tandem.resources.address.rtnetlink import Rtnetlink

CHECK: Final = "links"

INTERFACES: Final = Path("/sys/class/net")


@dataclass(frozen=True, slots=True)
class Facts:
    """One of this node's links.

    Attributes:
        name: of the link.
        address: of this node there.
        interface: that has the address; empty: none has.
        subnet: of the address; None without an interface.
        bases: the cards, or what else of this machine, that it ends at: through bridges, bonds and
            VLANs.
        has_carrier: whether the interface has a connection.
        duplex: as the kernel tells it; empty where it does not.
    """

    name: str
    address: str
    interface: str = ""
    subnet: IPv4Network | IPv6Network | None = None
    bases: frozenset[str] = frozenset()
    has_carrier: bool = True
    duplex: str = ""


def judge(links: Sequence[Facts], *, has_peers: bool) -> Iterator[Finding]:
    """Say how each link is, and whether any two are one."""
    for link in links:
        yield from _judge_one(link)
    if len(links) < 2 and has_peers:
        yield warned(
            CHECK,
            "There is one link between the nodes.",
            "Lay a second one, through another card and another switch: [[links]] in node.toml.",
        )
    for first, second in combinations(links, 2):
        if finding := _judge_two(first, second):
            yield finding


def _judge_one(link: Facts) -> Iterator[Finding]:
    named = f"Link {link.name}"
    if not link.interface:
        yield failed(
            CHECK,
            f"{named}: this machine does not have the address {link.address}.",
            "See `ip address`; correct the network's settings, or the address in node.toml.",
        )
    elif not link.has_carrier:
        yield failed(
            CHECK,
            f"{named}: {link.interface} has no carrier.",
            f"Look at its cable and switch: `ip link show {link.interface}`.",
        )
    elif link.duplex == "half":
        yield warned(
            CHECK,
            f"{named}: {link.interface} works in half duplex.",
            "Let both ends negotiate: it loses packets under load.",
        )
    else:
        through = ", ".join(sorted(link.bases - {link.interface}))
        yield passed(
            CHECK,
            f"{named}: {link.address} is on {link.interface}{f' ({through})' if through else ''}.",
        )


def _judge_two(first: Facts, second: Facts) -> Finding | None:
    named = f"Links {first.name} and {second.name}"
    if not (first.interface and second.interface):
        return None
    if shared := first.bases & second.bases:
        what = ", ".join(sorted(shared))
        return warned(
            CHECK,
            f"{named} both go through {what}: one fault cuts both.",
            "Use another card, cable and switch for one of them; VLANs of one card are one link.",
        )
    if first.subnet and second.subnet and first.subnet.overlaps(second.subnet):
        return warned(
            CHECK,
            f"{named} are in one subnet ({first.subnet}): the kernel sends through either card"
            " what belongs to the other.",
            "Give each link a subnet and a switch of its own.",
        )
    return passed(
        CHECK,
        f"{named} are apart in this machine. Whether they share a switch or a power feed, only you"
        " can see.",
    )


def look(
    links: Sequence[LinkSettings], *, has_peers: bool, interfaces: Path = INTERFACES
) -> Iterator[Finding]:
    """Look at this machine's interfaces.

    Args:
        links: of this node.
        has_peers: whether there are other nodes.
        interfaces: as sysfs has them.

    Raises:
        OSError: the kernel does not tell.
    """
    try:
        with Rtnetlink() as kernel:
            names = {link.index: link.name for link in kernel.links()}
            held = [(each.ip, names.get(each.index, ""), each) for each in kernel.addresses()]
    except KernelError as problem:
        raise OSError(str(problem)) from problem
    found = []
    for link in links:
        wanted = ip_address(link.address)
        place = next(((name, each) for ip, name, each in held if ip == wanted), None)
        if place is None:
            found.append(Facts(link.name, link.address))
            continue
        name, each = place
        found.append(
            Facts(
                link.name,
                link.address,
                name,
                ip_network((each.ip, each.prefix_bits), strict=False),
                frozenset(bases(name, interfaces)),
                _read(interfaces / name / "carrier") != "0",
                _read(interfaces / name / "duplex"),
            )
        )
    return judge(found, has_peers=has_peers)


def bases(interface: str, interfaces: Path = INTERFACES) -> set[str]:
    """What an interface is made of in the end: itself, where it is made of nothing else.

    Args:
        interface: its name.
        interfaces: as sysfs has them: `lower_<name>` links to what one is made of.
    """
    lower = [path.name.removeprefix("lower_") for path in (interfaces / interface).glob("lower_*")]
    return {base for name in lower for base in bases(name, interfaces)} or {interface}


def _read(path: Path) -> str:
    """What sysfs says; empty where it does not: an interface that is switched off refuses."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""
