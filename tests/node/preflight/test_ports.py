"""Ports of this machine, on the loopback."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tandem.clock import SystemClock
from tandem.node import beats
from tandem.node.joining.service import JOIN_PORT
from tandem.node.preflight import packets
from tandem.node.preflight.finding import Level
from tandem.node.preflight.ports import Port, look_free, look_reached, ports_of
from tandem.recording.orders import MOST_RECORDERS, RELAY_PORT

HERE = "127.0.0.1"
CLOCK = SystemClock()


@contextmanager
def listening(kind: socket.SocketKind = socket.SOCK_STREAM) -> Iterator[int]:
    with socket.socket(socket.AF_INET, kind) as opened:
        opened.bind((HERE, 0))
        if kind is socket.SOCK_STREAM:
            opened.listen()
        yield opened.getsockname()[1]


def test_a_port_is_free_until_something_listens_there() -> None:
    for kind, name in ((socket.SOCK_STREAM, "TCP"), (socket.SOCK_DGRAM, "UDP")):
        with listening(kind) as number:
            (finding,) = look_free([HERE], [Port(number, name, "x")])
            assert finding.level is Level.FAIL
        (finding,) = look_free([HERE], [Port(number, name, "x")])
        assert finding.level is Level.PASS


def test_an_address_that_is_not_here_takes_no_port() -> None:
    (finding,) = look_free(["192.0.2.1"], [Port(2377, "TCP", "x")])
    assert finding.level is Level.PASS


def test_whoever_listens_is_reached_and_who_does_not_refuses() -> None:
    with listening() as open_port, listening() as other:
        with listening() as closed:
            pass
        (well,) = look_reached({"n2": [HERE]}, [Port(open_port, "TCP", "x")], CLOCK)
        found = list(
            look_reached(
                {"n2": [HERE], "n3": [HERE]},
                [Port(other, "TCP", "x"), Port(closed, "TCP", "y")],
                CLOCK,
            )
        )
    assert well.level is Level.PASS
    assert [(it.level, f"{closed} (y)" in it.evidence) for it in found] == [
        (Level.FAIL, True),
        (Level.FAIL, True),
    ]


def test_the_reference_names_each_port_that_a_firewall_has_to_let_pass() -> None:
    reference = Path(__file__).parents[3] / "docs/reference/control-socket.md"
    _, _, table = reference.read_text(encoding="utf-8").partition("## Ports of a node")
    rows = re.findall(r"^\| (\d+)(?: to (\d+))? \| (TCP|UDP) \|", table, re.MULTILINE)
    named = {(int(low), int(high or low), protocol) for low, high, protocol in rows}
    relays = (RELAY_PORT, RELAY_PORT + MOST_RECORDERS - 1, "TCP")
    ordinary = {(it.number, it.number, it.protocol) for it in ports_of(None, beats.PORT)}
    assert named == ordinary - {(RELAY_PORT, RELAY_PORT, "TCP")} | {
        relays,
        (JOIN_PORT, JOIN_PORT, "TCP"),
        (packets.PORT, packets.PORT, "UDP"),
    }
