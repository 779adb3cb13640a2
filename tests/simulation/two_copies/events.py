"""Time and messages of the simulation: one queue, one seed, nothing else."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

SECOND = 1_000_000


class Queue:
    """What is to happen, in order; ties in the order in which they were entered."""

    def __init__(self) -> None:
        self.now_us = 0
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._entered = 0

    def after(self, delay_us: float, what: Callable[[], None]) -> None:
        self._entered += 1
        heapq.heappush(self._heap, (self.now_us + int(delay_us), self._entered, what))

    def run_until(self, time_us: int) -> None:
        """Let happen what is due."""
        while self._heap and self._heap[0][0] <= time_us:
            self.now_us, _, what = heapq.heappop(self._heap)
            what()
        self.now_us = time_us


@dataclass
class Weather:
    """How bad the network is."""

    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0


class Network:
    """Loses, doubles and delays messages; an isolated node hears nobody and is heard by nobody."""

    def __init__(self, queue: Queue, random: Random) -> None:
        self._queue = queue
        self._random = random
        self.weather = Weather()
        self.isolated: set[str] = set()

    def connects(self, a: str, b: str) -> bool:
        return not {a, b} & self.isolated

    def send(self, sender: str, receiver: str, deliver: Callable[[], None]) -> None:
        chance = self._random.random
        if not self.connects(sender, receiver) or chance() < self.weather.lost:
            return
        for _ in range(2 if chance() < self.weather.doubled else 1):
            # Late means: around and far past the deadline of an answer.
            late = chance() < self.weather.late
            delay = self._random.uniform(1, 90) if late else self._random.uniform(0.001, 0.3)
            self._queue.after(delay * SECOND, deliver)
