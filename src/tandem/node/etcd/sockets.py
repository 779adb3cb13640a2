"""Which addresses this machine has."""

import socket
from ipaddress import ip_address


def is_present(address: str) -> bool:
    """Whether this machine has an address now, so that a server could listen on it."""
    family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
