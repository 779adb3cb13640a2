"""Finds the node that is least loaded with something more, without looking at all nodes.

Nodes are kept in the order of their load with a little less than what is looked for: its bit rate
rounded down to a few binary digits. No node is less loaded with all of it than with that, so the
search ends at the first node that is more loaded with less than the best that was found with all.
Of a hundred nodes it looks at a few. Cameras are placed in the order of their bit rates, so the
rounded one changes seldom.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Sequence

from tandem.cluster.load import Cost

Key = tuple[float, bool, str]
"""How good a node is: its load with all of it, whether it is a new one, its name. The least is
best."""


class LeastLoaded:
    """Nodes in the order of their load.

    Args:
        nodes: which.
        load: of a node, with something more.
        digits: to which bit rates are rounded: more of them make searches shorter, and less of them
            make nodes be put in order anew less often.
    """

    def __init__(
        self, nodes: Iterable[str], load: Callable[[str, Cost], float], digits: int
    ) -> None:
        self._nodes = list(nodes)
        self._load = load
        self._digits = digits
        self._less: Cost | None = None
        self._now: dict[str, float] = {}
        self._sorted: list[tuple[float, str]] = []

    def update(self, node: str) -> None:
        """The load of a node has changed."""
        if self._less is None:
            return
        del self._sorted[bisect_left(self._sorted, (self._now[node], node))]
        self._now[node] = load = self._load(node, self._less)
        insort(self._sorted, (load, node))

    def ordered(self, cost: Cost) -> Sequence[tuple[float, str]]:
        """The nodes, the least loaded first, each with its load with a little less than a cost."""
        shift = max(0, cost.kbps.bit_length() - self._digits)
        less = Cost(cost.kbps >> shift << shift, cost.streams)
        if less != self._less:
            self._less = less
            self._now = {node: self._load(node, less) for node in self._nodes}
            self._sorted = sorted((load, node) for node, load in self._now.items())
        return self._sorted

    def find(
        self, cost: Cost, key_of: Callable[[str], Key | None], named: Iterable[str] = ()
    ) -> Key | None:
        """The best node for something more.

        Args:
            cost: of what is more.
            key_of: how good a node is; None where it is out of the question. The load in it is
                at least that of the node with all of it.
            named: nodes that are not new; all others are.

        Returns:
            The best key; None if all are out of the question.
        """
        best = min((key for node in named if (key := key_of(node)) is not None), default=None)
        for load, node in self.ordered(cost):
            if best is not None and (load, True, node) > best:
                break
            key = key_of(node)
            if key is not None and (best is None or key < best):
                best = key
        return best
