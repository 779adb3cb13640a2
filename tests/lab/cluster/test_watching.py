"""The eyes that watch what is exclusive see what they are there for."""

from pathlib import Path
from typing import Final

from tests.lab.cluster.watching import Line, Seen, doubled, local_addresses, outage_s

IP: Final = "10.77.4.201"
HAS: Final = f"""Main:
  +-- 10.77.4.0/24 2 0 1
     |-- 10.77.4.2
        /32 host LOCAL
     |-- {IP}
        /32 host LOCAL
     |-- 10.77.4.255
        /32 link BROADCAST
"""


def at_work(words: str) -> list[Line]:
    return [Line(float(place), "node1", token) for place, token in enumerate(words.split())]


def looked(place: Path, *turns: str) -> set[str]:
    """What is seen twice, where each turn names the hosts that have the address."""
    tables = {host: place / host for host in "ab"}
    seen = Seen(frozenset({IP}), _tables=tables, _now=dict.fromkeys(tables, frozenset()))
    for turn in turns:
        for host, table in tables.items():
            table.write_text(HAS if host in turn else "Main:\n", "utf-8")
        seen.look()
    return seen.twice


def test_an_address_is_the_hosts_own_and_no_broadcast() -> None:
    assert local_addresses(HAS) == {"10.77.4.2", IP}


def test_an_address_on_two_hosts_at_once_is_seen(tmp_path: Path) -> None:
    assert looked(tmp_path, "a", "ab", "a") == {IP}
    assert looked(tmp_path, "b", "ab", "b") == {IP}


def test_an_address_that_moves_is_not_on_two(tmp_path: Path) -> None:
    assert looked(tmp_path, "a", "a", "b", "b", "a") == set()
    assert looked(tmp_path, "b", "a", "", "b") == set()


def test_a_line_of_an_earlier_token_is_found() -> None:
    assert not doubled(at_work("1.1 1.1 1.2 1.2 1.3"))
    assert "1.1" in doubled(at_work("1.1 1.2 1.1"))


def test_the_longest_silence_counts() -> None:
    assert outage_s([1.0, 1.5, 4.0, 4.1]) == 2.5
    assert outage_s([]) == 0.0
