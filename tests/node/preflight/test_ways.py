"""The way to another machine: measured over the loopback, and what is made of it."""

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tandem.clock import SystemClock
from tandem.node.preflight import ways
from tandem.node.preflight.finding import Finding, Level
from tandem.node.preflight.packets import ANSWER, Answerer, Packet, decode, encode
from tandem.node.preflight.ways import Facts, Way

HERE, KEY, CLOCK = "127.0.0.1", b"k" * 32, SystemClock()
WAY = Way("n2, link a", "10.0.1.1", "10.0.1.2")
WELL = Facts(WAY, 100, 100, 100, (400,) * 100, 1500, 1500, 1500)


@pytest.mark.parametrize(
    ("facts", "level", "why"),
    [
        (WELL, Level.PASS, "0 were lost there and 0 back, half returned within 0.4 ms; packets"),
        (replace(WELL, received=98, answered=98), Level.PASS, "2 were lost there and 0 back"),
        (replace(WELL, received=97, answered=97), Level.WARN, "3 were lost there and 0 back"),
        (replace(WELL, answered=95), Level.WARN, "0 were lost there and 5 back"),
        (replace(WELL, received=80, answered=80), Level.FAIL, "20 were lost there"),
        (replace(WELL, round_trips_us=(60_000,)), Level.WARN, "within 60.0 ms"),
        (replace(WELL, mtu_there=1400), Level.FAIL, "do not arrive there; those of 1400 do"),
        (replace(WELL, mtu=9000), Level.FAIL, "packets of 9000 bytes"),
        (replace(WELL, mtu_back=0), Level.FAIL, "do not arrive back; those of 0 do"),
        (Facts(WAY), Level.UNCHECKED, "nobody answers at UDP port 2382"),
    ],
)
def test_a_way(facts: Facts, level: Level, why: str) -> None:
    found = list(ways.judge(facts))
    assert [it for it in found if it.level is level and why in it.evidence], found
    assert all("n2, link a (10.0.1.2)" in it.evidence for it in found)
    assert all(bool(it.remedy) is (it.level is not Level.PASS) for it in found)


@contextmanager
def answering(passes: Callable[[bytes], bytes | None]) -> Iterator[int]:
    """Somebody at a port who does with each datagram as he is told."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind((HERE, 0))

        def run() -> None:
            while True:
                data, sender = opened.recvfrom(65_535)
                if data == b"end":
                    return
                if answer := passes(data):
                    opened.sendto(answer, sender)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield opened.getsockname()[1]
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ends:
                ends.sendto(b"end", opened.getsockname())
            thread.join(10)


def seen(port: int, key: bytes = KEY) -> list[Finding]:
    return list(ways.look(Way("n2", HERE, HERE, port), key, CLOCK))


def test_a_sound_way_passes_with_the_whole_mtu() -> None:
    with answering(Answerer(KEY).answer) as port:
        (finding,) = seen(port)
    assert finding.level is Level.PASS
    assert "packets of 65535 bytes pass" in finding.evidence


def test_large_packets_that_vanish_are_told_with_the_direction_and_what_passes() -> None:
    there = Answerer(KEY)
    with answering(lambda it: there.answer(it) if len(it) <= 1492 - 28 else None) as port:
        found = seen(port)
    assert ["there; those of 1492 do" in it.evidence for it in found] == [True, False]
    back = Answerer(KEY)

    def short(data: bytes) -> bytes | None:
        answer = back.answer(data)
        return answer if answer and len(answer) <= 1400 - 28 else None

    with answering(short) as port:
        (only,) = seen(port)
    assert only.level is Level.FAIL
    assert "do not arrive back; those of 1400 do" in only.evidence


@pytest.mark.parametrize(
    ("direction", "why"),
    [("there", "25 were lost there and 0 back"), ("back", "0 were lost there and 25 back")],
)
def test_what_is_lost_is_laid_to_the_direction_where_it_was(direction: str, why: str) -> None:
    counts: Counter[bytes] = Counter()
    answerer = Answerer(KEY)

    def lossy(data: bytes) -> bytes | None:
        """Of each run, every fourth one but the last."""
        asked = decode(data, KEY)
        assert asked is not None
        counts[asked.nonce] += 1
        is_lost = counts[asked.nonce] % 4 == 2
        if is_lost and direction == "there":
            return None
        answer = answerer.answer(data)
        return None if is_lost else answer

    with answering(lossy) as port:
        found = seen(port)
    assert f"of 100 packets {why}" in found[0].evidence
    assert found[0].level is Level.FAIL


def test_who_has_another_key_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "HELLO_S", 0.3)
    with answering(Answerer(b"another").answer) as port:
        (finding,) = seen(port)
    assert finding.level is Level.UNCHECKED


def test_two_that_listen_while_they_ask_measure_each_other() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind((HERE, 0))
        port = free.getsockname()[1]
    addresses = [HERE, "192.0.2.1"]  # of which this machine does not have the second
    thread = threading.Thread(target=ways.listen, args=(addresses, KEY, CLOCK, 3.0, port))
    thread.start()
    (finding,) = seen(port)
    thread.join(10)
    assert finding.level is Level.PASS
    assert not thread.is_alive()


def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((HERE, 0))
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"UDP port {port}: Address already in use"):
            ways.listen([HERE], KEY, CLOCK, 1.0, port)


def test_an_answer_to_another_run_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "HELLO_S", 0.3)

    def stale(data: bytes) -> bytes | None:
        asked = decode(data, KEY)
        assert asked is not None
        return encode(Packet(ANSWER, b"o" * 16, asked.sequence, 1), KEY)

    with answering(stale) as port:
        (finding,) = seen(port)
    assert finding.level is Level.UNCHECKED
