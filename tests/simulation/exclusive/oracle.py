"""What must hold, judged from what really runs, what is committed and what was delivered.

No decision of the product's is asked. The rules, as docs/design/simulation.md explains them:

- `G1`: a strict resource never runs on two machines.
- `token`: each start at the sink has a token that its node really took, and tokens only grow.
- `epoch`: a session's epoch, and its counter within an epoch, only grow.
- `evicted`: nothing is started by a node that knew that its session had ended, or whose guarantee
  was over.
- `writer`: whatever is taken, released or evicted is so in one transaction with a renewal of the
  writer's own live session.
- `G6`: nothing strict runs past the guarantee, or past what failsafe prolongs it to.
- `soft`: a soft resource runs on two machines for no longer than `MOST_OVERLAP_US`.
- `needless`: nobody is evicted for not having renewed while there was no store.
- `liveness`: see `world`.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Final

from tests.simulation.exclusive.clockwork import SECOND, Queue

Token = tuple[int, int]
"""Incarnation and revision."""

ALL_RULES: Final = frozenset(
    {"G1", "token", "epoch", "evicted", "writer", "G6", "soft", "needless", "liveness"}
)
MOST_OVERLAP_US: Final = 4 * SECOND


class ViolationError(AssertionError):
    """A guarantee was broken.

    Attributes:
        rule: which.
    """

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(f"{rule}: {message}")
        self.rule = rule


class Oracle:
    """Told of everything by the world.

    Args:
        queue: for the time.
        tell: for the trace.
        judged: the rules that are looked at; all, but where one mistake breaks several.
    """

    def __init__(
        self,
        queue: Queue,
        tell: Callable[[str, str], None],
        judged: frozenset[str] = ALL_RULES,
    ) -> None:
        self._queue = queue
        self._tell = tell
        self._judged = judged
        self.happened: Counter[str] = Counter()
        """What was seen to happen, so that a test sees that it does."""
        self.running: dict[str, dict[str, Token | None]] = defaultdict(dict)
        """By resource: on which machines, with which token."""
        self._since_us: dict[tuple[str, str], int] = {}
        self._newest: dict[str, Token] = {}
        self._taken: dict[tuple[str, Token], tuple[str, int, int]] = {}
        self._sessions: dict[str, tuple[int, int, int]] = {}
        """By node: life of the store, epoch, counter."""
        self._bound_us: dict[str, int] = {}
        """By node: until when its last committed renewal entitles it, by its own clock."""
        self._promised_us: dict[str, dict[str, int]] = defaultdict(dict)
        """By holder: until when each other node's acknowledgement holds, by the holder's clock."""
        self._known: dict[str, frozenset[str]] = {}
        """By node: whose sessions it had seen, as its last renewal tells."""
        self._tried: dict[str, frozenset[str]] = {}
        """The same, of its last attempt."""
        self._over: dict[str, tuple[int, int]] = {}
        """By node: the newest of its epochs that it was told to have ended; in a store's life."""

    def violated(self, rule: str, message: str) -> None:
        if rule in self._judged:
            raise ViolationError(rule, message)

    # --- What really runs -----------------------------------------------------------------------

    def started(self, node: str, resource: str, token: Token | None) -> None:
        self._tell(node, f"{resource} runs, token {token}")
        self.happened["early starts" if token is None else "starts"] += 1
        others = [machine for machine in self.running[resource] if machine != node]
        self.running[resource][node] = token
        self._since_us[resource, node] = self._queue.now_us
        if is_soft(resource):
            for other in others:
                self._expect_the_end(resource, node, other)
            return
        if others:
            self.violated("G1", f"{resource} runs on {node} and on {others[0]}")
        self._check_token(node, resource, token)

    def stopped(self, node: str, resource: str, who: str) -> None:
        self._tell(node, f"{resource} ends: {who}")
        self.happened[who] += 1
        self.running[resource].pop(node, None)
        self._since_us.pop((resource, node), None)

    def _expect_the_end(self, resource: str, *both: str) -> None:
        since = [self._since_us[resource, node] for node in both]

        def look() -> None:
            if [self._since_us.get((resource, node)) for node in both] == since:
                self.violated("soft", f"{resource} still runs on {both[0]} and {both[1]}")

        self._queue.after(MOST_OVERLAP_US, look)

    def _check_token(self, node: str, resource: str, token: Token | None) -> None:
        if token is None or (resource, token) not in self._taken:
            self.violated("token", f"{node} starts {resource} with {token}, which nobody took")
            return
        taker, life, epoch = self._taken[resource, token]
        newest = self._newest.get(resource, (0, 0))
        if taker != node:
            self.violated("token", f"{node} starts {resource} with {token}, taken by {taker}")
        if token < newest:
            self.violated("token", f"{resource} has seen {newest}, and {node} comes with {token}")
        self._newest[resource] = max(newest, token)
        if self._over.get(node, (0, 0)) >= (life, epoch):
            self.violated("evicted", f"{node} starts {resource}, and knows that it was evicted")

    # --- What is committed and delivered --------------------------------------------------------

    def took(self, resource: str, token: Token, node: str, life: int, epoch: int) -> None:
        self._taken[resource, token] = (node, life, epoch)
        self.happened["takes"] += 1

    def session(self, life: int, node: str, epoch: int, counter: int) -> None:
        """Whatever stands there now, whoever wrote it."""
        before = self._sessions.get(node, (0, 0, 0))
        self._sessions[node] = (life, epoch, counter)
        if (life, epoch, counter) < before:
            self.violated("epoch", f"the session of {node} went back from {before}")

    def renewed(self, node: str, until_us: int, others: frozenset[str]) -> None:
        """An attempt happened, which told that its node had seen the sessions of these."""
        self._bound_us[node] = max(self._bound_us.get(node, 0), until_us)
        self._known[node] = others

    def sends(self, node: str, others: frozenset[str]) -> None:
        """An attempt that tells so, of which nobody knows yet whether it happens."""
        self._tried[node] = others

    def rebooted(self, node: str) -> None:
        """Its clock begins anew, and its kernel has no timers."""
        self._bound_us.pop(node, None)
        self._promised_us.pop(node, None)

    def acknowledged(self, holder: str, by: str, until_us: int) -> None:
        promised_us = self._promised_us[holder]
        promised_us[by] = max(promised_us.get(by, 0), until_us)

    def knows_its_end(self, node: str, life: int, epoch: int) -> None:
        self._over[node] = max(self._over.get(node, (0, 0)), (life, epoch))

    def entitled(self, node: str, until_us: int) -> None:
        """The kernel's timers are pushed forward so far."""
        bound_us = self._bound_us.get(node, 0)
        if until_us <= bound_us:
            return
        promised_us = self._promised_us[node]
        needed = self._known.get(node, frozenset()) & self._tried.get(node, frozenset())
        held_us = min((promised_us.get(other, 0) for other in needed), default=0)
        self.happened["held by promises"] += 1
        if until_us > held_us:
            late_s = (until_us - max(bound_us, held_us)) / SECOND
            self.violated("G6", f"{node} keeps what it holds {late_s:.3f} s longer than it may")


def is_soft(resource: str) -> bool:
    return resource.startswith("soft")
