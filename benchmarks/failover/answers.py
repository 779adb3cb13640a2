"""What an asker was answered (`ask`), and what follows from it."""

from collections import defaultdict
from itertools import combinations, pairwise
from pathlib import Path
from typing import Final

STEADY_S: Final = 0.03
"""Answers to ARP that are no further apart are one stretch: three questions."""


class Answers:
    """The asker's file, read on as it grows."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read_bytes = 0
        self._found: dict[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)

    def pages(self, name: str, since_s: float) -> list[tuple[float, str]]:
        """When a page was answered since then, and by whom."""
        return self._since(name, "page", since_s)

    def outage_s(self, name: str, from_s: float, to_s: float) -> float:
        """The longest time without an answer between two instants."""
        seen = [at for at, _ in self.pages(name, from_s) if at <= to_s]
        return max(after - before for before, after in pairwise([from_s, *seen, to_s]))

    def twice_s(self, name: str, since_s: float) -> float:
        """For how long two nodes answered for the address, in all."""
        by_node: dict[str, list[float]] = defaultdict(list)
        for at, node in self._since(name, "arp", since_s):
            by_node[node].append(at)
        stretches = {node: _stretches(instants) for node, instants in by_node.items()}
        return sum(
            max(0.0, min(one[1], other[1]) - max(one[0], other[0]))
            for a, b in combinations(stretches.values(), 2)
            for one in a
            for other in b
        )

    def _since(self, name: str, how: str, since_s: float) -> list[tuple[float, str]]:
        self._read_on()
        return [it for it in self._found[name, how] if it[0] >= since_s]

    def _read_on(self) -> None:
        if not self._file.exists():
            return
        with self._file.open("rb") as file:
            file.seek(self._read_bytes)
            whole = file.read().rpartition(b"\n")[0]
        self._read_bytes += len(whole) + 1 if whole else 0
        for line in whole.decode().splitlines():
            name, how, at, node = line.split()
            self._found[name, how].append((float(at), node))


def _stretches(instants: list[float]) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    for at in instants:
        if found and at - found[-1][1] <= STEADY_S:
            found[-1] = found[-1][0], at
        else:
            found.append((at, at))
    return found
