"""What a definition names of a node's networks."""

from ipaddress import ip_address
from typing import Any

import pytest

from tandem.resources.kind import OptionError
from tandem.resources.reach.needs import Needs, read


def test_an_interface_addresses_both_or_nothing_may_be_named() -> None:
    assert read("web", {}) == Needs()
    assert read("web", {"interface": "eth0"}) == Needs("eth0")
    gateways = ("10.0.0.1", "fd00::1")
    assert read("web", {"interface": "eth0", "reaches": [*gateways, "10.0.0.1"]}) == Needs(
        "eth0", tuple(map(ip_address, gateways))
    )


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"reaches": "10.0.0.1"}, "web: reaches: write a list"),
        ({"reaches": []}, "write a list"),
        ({"reaches": ["router"]}, "Write addresses"),
        ({"reaches": ["224.0.0.1"]}, "no single host's"),
        ({"reaches": ["0.0.0.0"]}, "no single host's"),
        ({"reaches": [f"10.0.0.{n}" for n in range(9)]}, "8 addresses at most"),
        ({"interface": "a/b"}, "name of a network interface"),
        ({"interface": "a" * 16}, "name of a network interface"),
        ({"reach": ["10.0.0.1"]}, "Did you mean 'reaches'?"),
    ],
)
def test_what_cannot_be_asked_is_refused(options: dict[str, Any], why: str) -> None:
    with pytest.raises(OptionError, match=why.replace("?", r"\?")):
        read("web", options)
