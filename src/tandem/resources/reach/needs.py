"""What a resource needs of a node's networks, as its definition names it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from tandem.resources.options import Options, checked_id

OPTIONS: Final = ("interface", "reaches")

MOST: Final = 8
"""Addresses: each is asked each second by every node that may serve the resource."""

_LONGEST_INTERFACE: Final = 15
"""IFNAMSIZ of <net/if.h>, without the NUL."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What has to be there.

    Attributes:
        interface: that has to be up, with a carrier; empty: none in particular.
        reaches: addresses of which one at least has to answer an ICMP echo; empty: nobody is asked.
    """

    interface: str = ""
    reaches: tuple[IPv4Address | IPv6Address, ...] = ()


def read(resource_id: str, options: Mapping[str, object]) -> Needs:
    """Read them from a definition.

    Args:
        resource_id: of the definition.
        options: these two of it, or one, or none.

    Raises:
        OptionError: one is wrong.
    """
    given = Options(f"Resource {checked_id(resource_id)}", options, OPTIONS)
    interface = given.text("interface") if given.has("interface") else ""
    if len(os.fsencode(interface)) > _LONGEST_INTERFACE or "/" in interface:
        raise given.error("interface", "write the name of a network interface, as `ip link` shows.")
    if not given.has("reaches"):
        return Needs(interface)
    texts = given.texts("reaches")
    if len(texts) > MOST:
        raise given.error("reaches", f"write {MOST} addresses at most; one that answers is enough.")
    try:
        addresses = tuple(dict.fromkeys(ip_address(text) for text in texts))
    except ValueError as problem:
        raise given.error("reaches", f'{problem}. Write addresses: ["10.0.0.1"].') from None
    if wrong := next((it for it in addresses if it.is_multicast or it.is_unspecified), None):
        raise given.error("reaches", f"{wrong} is no single host's address.")
    return Needs(interface, addresses)
