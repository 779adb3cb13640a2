"""On which interface an address belongs: named, or the one whose subnet it is in."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

from tandem.resources.address.errors import InterfaceError
from tandem.resources.address.netlink import ARPHRD_ETHER, Held, IpAddress, Link

_LONGEST_WITH_SPECIAL = {4: 30, 6: 126}  # RFC 3021, RFC 6164


def choose(
    ip: IpAddress, named: str | None, links: Sequence[Link], addresses: Sequence[Held]
) -> Link:
    """Find the interface for an address.

    Args:
        ip: the virtual address.
        named: the interface that the definition names; None to find it by the address's subnet.
        links: the node's interfaces.
        addresses: the node's addresses.

    Returns:
        The interface.

    Raises:
        InterfaceError: none fits, several do, or it cannot bear the address; says which there are.
    """
    link = _named(named, links) if named else _by_subnet(ip, links, addresses)
    if link.hardware != ARPHRD_ETHER:
        raise InterfaceError(
            f"The interface {link.name} is no Ethernet: other hosts could not be told that the "
            f"address {ip} moved. Name an Ethernet interface (or a bridge, bond or VLAN)."
        )
    if not link.is_up:
        raise InterfaceError(
            f"The interface {link.name}, where the address {ip} belongs, is switched off. Switch "
            f"it on: ip link set {link.name} up"
        )
    if not link.is_running:
        raise InterfaceError(
            f"The interface {link.name}, where the address {ip} belongs, has no carrier: nobody "
            f"would reach it. Look at its cable and switch."
        )
    for held in addresses:
        if held.index == link.index and held.ip.version == ip.version:
            _refuse_if_special(ip, _subnet(held))
    return link


def _named(name: str, links: Sequence[Link]) -> Link:
    for link in links:
        if link.name == name:
            return link
    raise InterfaceError(f"This node has no interface {name}. It has: {_names(links)}.")


def _by_subnet(ip: IpAddress, links: Sequence[Link], addresses: Sequence[Held]) -> Link:
    indices = {
        held.index
        for held in addresses
        if held.ip.version == ip.version
        and held.prefix_bits < ip.max_prefixlen
        and ip in _subnet(held)
    }
    fitting = [link for link in links if link.index in indices]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise InterfaceError(
            f"The address {ip} is in a subnet of several interfaces: {_names(fitting)}. Name the "
            f"one it belongs on in its definition (interface)."
        )
    subnets = sorted({str(_subnet(held)) for held in addresses if held.ip.version == ip.version})
    raise InterfaceError(
        f"The address {ip} is in no subnet of this node ({', '.join(subnets) or 'it has none'}). "
        f"Correct the address, or name the interface in its definition (interface)."
    )


def _refuse_if_special(ip: IpAddress, subnet: IPv4Network | IPv6Network) -> None:
    if subnet.prefixlen > _LONGEST_WITH_SPECIAL[subnet.version]:
        return
    specials = {subnet.network_address}  # IPv6: every router's (RFC 4291 section 2.6.1)
    if subnet.version == 4:
        specials.add(subnet.broadcast_address)
    if ip in specials:
        raise InterfaceError(
            f"{ip} is a special address of the subnet {subnet}: no single host can have it."
        )


def _subnet(held: Held) -> IPv4Network | IPv6Network:
    return ip_network((held.ip, held.prefix_bits), strict=False)


def _names(links: Iterable[Link]) -> str:
    return ", ".join(link.name for link in links)
