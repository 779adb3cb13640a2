"""Heartbeats, modelled as reachability: who suspects whom, and what each node is told about it.

Only while something has changed is there anything to compute. The product's own module for this
(`cluster/suspicion`) has tests of its own; what matters here is that suspicions come early, late,
and differently on each node.
"""

from collections.abc import Callable, Iterable
from random import Random

from tests.simulation.exclusive.clockwork import MS, Queue
from tests.simulation.exclusive.network import Network
from tests.simulation.exclusive.schedule import FOREVER_US

BEAT_US = 100 * MS
TIMEOUT_US = 400 * MS
LATELY_US = 500 * MS
SETTLED_US = 4 * TIMEOUT_US
"""This long after the last change, no verdict is outstanding."""

Words = dict[str, frozenset[str]]
"""Whom each suspects, by who says so."""


class Beats:
    """All nodes' ears.

    Args:
        queue: for the time.
        random: some ears are slower.
        network: what beats travel on.
        nodes: who sends them.
        speaks: whether a node's pulse runs now.
        tell: a node has these words from now on.
    """

    def __init__(
        self,
        queue: Queue,
        random: Random,
        network: Network,
        nodes: Iterable[str],
        speaks: Callable[[str], bool],
        tell: Callable[[str, Words], None],
    ) -> None:
        self._queue = queue
        self._network = network
        self._nodes = list(nodes)
        self._speaks = speaks
        self._tell = tell
        self._timeout_us = {name: TIMEOUT_US * random.randint(90, 130) // 100 for name in nodes}
        self._heard_us = {name: dict.fromkeys(self._nodes, 0) for name in self._nodes}
        self._suspects = {name: frozenset[str]() for name in self._nodes}
        self._suspected_us: dict[str, list[tuple[int, int]]] = {name: [] for name in self._nodes}
        """By node: from when until when somebody suspected it."""
        self._told: dict[str, Words] = {}
        self._pairs: list[tuple[str, str]] = []
        self._until_us = 0
        self._is_beating = False
        network.changed.append(self.stir)

    def stir(self) -> None:
        """Something has changed: whom who hears is to be looked at again for a while."""
        now_us = self._queue.now_us
        if not self._is_beating:
            # Since the last look, all that was heard then was heard all the time.
            for listener, speaker in self._pairs:
                self._heard_us[listener][speaker] = now_us
            self._is_beating = True
            self._queue.after(0, self._beat)
        self._until_us = now_us + SETTLED_US

    def listens_anew(self, node: str) -> None:
        """Its pulse has begun, or has not run for a while: that was nobody's silence."""
        self._heard_us[node] = dict.fromkeys(self._nodes, self._queue.now_us)
        self._suspects[node] = frozenset()
        self._told.pop(node, None)
        self.stir()

    def suspected_at(self, node: str, at_us: int) -> bool:
        """Whether anybody suspected it then, or a moment before; what came later is no excuse."""
        return any(
            from_us <= at_us and until_us > at_us - LATELY_US
            for from_us, until_us in self._suspected_us[node]
        )

    def words(self, node: str) -> Words:
        """What it knows: its own suspicions, and those of whom it hears."""
        heard_us, now_us = self._heard_us[node], self._queue.now_us
        fresh_us = now_us - self._timeout_us[node]
        return {
            speaker: self._suspects[speaker]
            for speaker in self._nodes
            if speaker == node or (heard_us[speaker] >= fresh_us and self._speaks(speaker))
        }

    def _beat(self) -> None:
        now_us = self._queue.now_us
        speaking = [name for name in self._nodes if self._speaks(name)]
        self._pairs = [
            (listener, speaker)
            for listener in speaking
            for speaker in speaking
            if listener != speaker and self._network.reaches(speaker, listener)
        ]
        for listener, speaker in self._pairs:
            self._heard_us[listener][speaker] = now_us
        # What a beat relays was the sender's verdict when it was sent.
        for name in speaking:
            words = self.words(name)
            if words != self._told.get(name):
                self._told[name] = words
                self._tell(name, words)
        judged = {name: self._judge(name, now_us) for name in speaking}
        self._suspects |= judged
        self._note_suspicions(now_us)
        if now_us < self._until_us:
            self._queue.after(BEAT_US, self._beat)
        else:
            self._is_beating = False

    def _note_suspicions(self, now_us: int) -> None:
        suspected = frozenset[str]().union(*self._suspects.values())
        for node, spans in self._suspected_us.items():
            is_open = bool(spans) and spans[-1][1] == FOREVER_US
            if node in suspected and not is_open:
                spans.append((now_us, FOREVER_US))
            elif node not in suspected and is_open:
                spans[-1] = (spans[-1][0], now_us)

    def _judge(self, name: str, now_us: int) -> frozenset[str]:
        fresh_us = now_us - self._timeout_us[name]
        heard_us = self._heard_us[name]
        suspects = set()
        for other in self._nodes:
            if other == name or heard_us[other] >= fresh_us:
                continue
            if not any(
                heard_us[relay] >= fresh_us and self._heard_us[relay][other] >= fresh_us
                for relay in self._nodes
                if relay not in {name, other}
            ):
                suspects.add(other)
        return frozenset(suspects)
