"""Who reaches whom: by link and direction, with loss, delay and duplication of messages.

Hosts are nodes, and where the store is elsewhere, its members. What is cut is counted by link and
direction, since faults overlap, and each ends by itself.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random

from tests.simulation.exclusive.clockwork import MS, SECOND, Action, Queue

Cut = tuple[int, str, str]
"""A link, from whom, to whom."""


@dataclass
class Weather:
    """How bad messages between nodes fare."""

    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0


class Network:
    """The links between hosts.

    Args:
        queue: for the time.
        random: for the weather.
        hosts: all of them.
        links: how many networks there are.
    """

    def __init__(self, queue: Queue, random: Random, hosts: Iterable[str], links: int) -> None:
        self._queue = queue
        self._random = random
        self.hosts = list(hosts)
        self.links = links
        self.weather = Weather()
        self._cuts: Counter[Cut] = Counter()
        self._severed: set[tuple[str, str]] = set()
        self.changed: list[Action] = []
        """What is to be told when reachability has changed."""

    def reaches(self, sender: str, receiver: str) -> bool:
        return (sender, receiver) not in self._severed

    def connects(self, a: str, b: str) -> bool:
        """Both ways."""
        return (a, b) not in self._severed and (b, a) not in self._severed

    def cut(self, cuts: Iterable[Cut]) -> None:
        self._cuts.update(cuts)
        self._reconsider()

    def heal(self, cuts: Iterable[Cut]) -> None:
        self._cuts.subtract(cuts)
        self._reconsider()

    def on_all_links(self, pairs: Iterable[tuple[str, str]]) -> list[Cut]:
        return [(link, a, b) for a, b in pairs if a != b for link in range(self.links)]

    def send(self, sender: str, receiver: str, deliver: Callable[[], None]) -> None:
        chance = self._random.random
        if not self.reaches(sender, receiver) or chance() < self.weather.lost:
            return
        for _ in range(2 if chance() < self.weather.doubled else 1):
            longest_us = 3 * SECOND if chance() < self.weather.late else 5 * MS
            self._queue.after(self._random.randint(200, longest_us), deliver)

    def _reconsider(self) -> None:
        before = self._severed
        ways = Counter((a, b) for (_, a, b), count in self._cuts.items() if count > 0)
        self._severed = {way for way, links in ways.items() if links == self.links}
        if self._severed != before:
            for tell in self.changed:
                tell()
