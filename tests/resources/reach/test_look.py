"""A look at this machine's own interfaces, and echoes over the loopback."""

import os
import socket
from ipaddress import ip_address
from pathlib import Path

import pytest
from tests.conformance.store.subjects import in_a_loop

from tandem.resources.reach import look as looking
from tandem.resources.reach.look import look
from tandem.resources.reach.needs import Needs

NOBODY = ip_address("192.0.2.1")
"""TEST-NET-1 (RFC 5737). Asked through the loopback alone, so that nothing leaves this machine."""

HAS_IPV6 = Path("/proc/net/if_inet6").exists() and Path("/proc/net/if_inet6").read_text() != ""


def may_ask() -> bool:
    try:
        looking._opened(4, "").close()
    except PermissionError:
        return False
    return True


needs_sockets = pytest.mark.skipif(not may_ask(), reason="this user has no ICMP echoes")


@in_a_loop
async def test_an_interface_needs_a_carrier(tmp_path: Path) -> None:
    for name, carrier in (("eth0", "1\n"), ("eth1", "0\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "carrier").write_text(carrier)
    (tmp_path / "eth2").mkdir()
    (tmp_path / "eth2" / "carrier").mkdir()  # reading it is refused, as of one that is down
    for name, is_there, why in (
        ("eth0", True, "has a carrier"),
        ("eth1", False, "eth1 has no carrier"),
        ("eth2", False, "eth2 is switched off"),
        ("eth3", False, "no interface eth3"),
    ):
        seen = await look(Needs(name), b"", interfaces=tmp_path)
        assert (seen.is_there, why in seen.said) == (is_there, True), seen


@needs_sockets
@in_a_loop
async def test_one_address_that_answers_is_enough() -> None:
    for here in ("127.0.0.1", "::1"):
        if here == "::1" and not HAS_IPV6:
            continue
        seen = await look(Needs("lo", (NOBODY, ip_address(here))), os.urandom(16), 2.0)
        assert (seen.is_there, seen.said) == (True, f"{here} answers")


@needs_sockets
@in_a_loop
async def test_where_nobody_answers_it_is_not_there() -> None:
    seen = await look(Needs("lo", (NOBODY,)), os.urandom(16), 0.2)
    assert not seen.is_there
    assert "192.0.2.1" in seen.said


@needs_sockets
@in_a_loop
async def test_silence_is_told_with_who_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "is_reply", lambda *_: False)  # as if another look's came
    seen = await look(Needs("lo", (ip_address("127.0.0.1"),)), os.urandom(16), 0.2)
    assert (seen.is_there, seen.said) == (False, "127.0.0.1 does not answer within 0.2 s")


@in_a_loop
async def test_who_may_not_ask_gives_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object) -> socket.socket:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(looking, "_opened", refuses)
    seen = await look(Needs("lo", (NOBODY,)), b"nonce")
    assert seen.is_there
    assert "ping_group_range" in seen.said
