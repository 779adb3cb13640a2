"""What one node's engine knows.

A state is never changed once `machine.step` has returned it: a step works on a copy, and puts a new
mapping in the place of one that changes.
"""

import enum
from collections.abc import Iterable, Mapping, Sized
from dataclasses import dataclass, field, fields
from typing import Final, Self

from tandem.cluster import session
from tandem.cluster.exclusive.events import StoredCluster, StoredOwner
from tandem.cluster.exclusive.timing import Timing
from tandem.cluster.exclusive.values import Hold, Token
from tandem.cluster.order import Mode, Order
from tandem.cluster.session import Stored

NEVER: Final = 1 << 62
"""An instant that does not come."""

Basis = frozenset[tuple[str, int]]
"""Nodes that had a session, each with its epoch."""


@dataclass(frozen=True, slots=True)
class Peer:
    """What this node has seen of another one's session.

    Attributes:
        stored: as it was seen last.
        moved_us: when this epoch and counter were seen first.
        begun_us: when this session was seen first.
        live: epoch and counter of the last renewal that was seen while it was live.
        live_us: when that was seen first.
        outvoted_us: since when it is seen that too few can have promised it anything (E5).
    """

    stored: Stored
    moved_us: int
    begun_us: int
    live: tuple[int, int] = (0, 0)
    live_us: int = 0
    outvoted_us: int | None = None


class RunPhase(enum.Enum):
    """Where a resource is in its life on this node."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class Run:
    """A resource that may run here: from before its start until it is proven stopped.

    Attributes:
        number: of the run.
        phase: where it is.
        token: under which it runs; None: early (a soft resource), or found running.
        mode: on how many nodes it may run at once.
        early_us: when it was started before the store's word; None: it was not.
        by_us: until when it was asked to stop; None: in its own time.
        is_found: nobody here has started it.
    """

    number: int
    phase: RunPhase
    token: Token | None
    mode: Mode = Mode.STRICT
    early_us: int | None = None
    by_us: int | None = None
    is_found: bool = False


@dataclass(slots=True)
class State:
    """All of it. Make one with `start`.

    Attributes:
        node_id: this node.
        nodes: all configured ones, the witness and this one included.
        life: a random text, new for each process: nonces begin with it.
        timing: how long everything takes.
        fences: nodes that can be fenced.
        started_us: when this engine began, CLOCK_BOOTTIME.
        chain: this node's own session.
        nonces: how many were used.
        is_clean: it is proven that nothing exclusive ran before the session.
        is_proving: that proof was asked for.
        under_way: the nonce of the transaction that was not answered yet, or READING, or "".
        must_read: something of unknown outcome is to be read back first.
        next_us: when to renew, or to read again.
        carry_us: no take, release or eviction is sent before.
        renewed_until_us: end of the guarantee by renewals.
        failsafe_until_us: end of the guarantee by promises of all others.
        told_us: what `Entitled` said last.
        cluster: the key, as seen last.
        view_us: when a view was last known to be new.
        views_since_us: since when such views follow each other closely.
        whole_revision: of the newest view of all sessions.
        whole: who had a session in it.
        bases: by revision: who had a session, for the revisions that the own session may tell.
        peers: the other nodes' sessions.
        owners: who took what.
        orders: where everything exclusive is to run; None before it was read.
        unread: by resource, why its order cannot be read.
        orders_revision: of the view that showed them.
        runs: what may run here.
        run_count: how many there were.
        given_up: by resource, the revision of the own take whose release was sent.
        failed: by resource, until when it is not tried here again.
        free_us: by resource, since when it is seen to be free.
        due_us: by node, since when it is seen that it may be evicted.
        words: whom each node suspects.
        promised_us: by node, when this node last promised not to evict it.
        answered: by node that asked: under which epoch, and the newest number that was answered.
        asked: by number, when that question was about to be sent.
        asked_us: when the last one was.
        ask_count: how many there were.
        promises: by node and epoch, when the newest question that it answered was about to be sent.
        fencing: by node: in which epoch it was asked for, and when it may be again.
        confirmed: by node: in which epoch fencing confirmed it off.
        early: by soft resource: under which revision of its owner an early start was tried.
        is_fencing_self: this machine is about to end.
        leaving_us: what runs here is to have ended by then, for good; None: it is not.
        has_left: that is over.
        wake_at_us: when a `Tick` is needed.
    """

    node_id: str
    nodes: tuple[str, ...]
    life: str
    timing: Timing
    fences: frozenset[str]
    started_us: int
    chain: session.State
    nonces: int = 0
    is_clean: bool = False
    is_proving: bool = False
    under_way: str = ""
    must_read: bool = False
    next_us: int = 0
    carry_us: int = 0
    renewed_until_us: int = 0
    failsafe_until_us: int = 0
    told_us: int = 0
    cluster: StoredCluster | None = None
    view_us: int = 0
    views_since_us: int = 0
    whole_revision: int = 0
    whole: Basis = frozenset()
    bases: Mapping[int, Basis] = field(default_factory=dict)
    peers: Mapping[str, Peer] = field(default_factory=dict)
    owners: Mapping[str, StoredOwner] = field(default_factory=dict)
    orders: Mapping[str, Order] | None = None
    unread: Mapping[str, str] = field(default_factory=dict)
    orders_revision: int = 0
    runs: Mapping[str, Run] = field(default_factory=dict)
    run_count: int = 0
    given_up: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, int] = field(default_factory=dict)
    free_us: Mapping[str, int] = field(default_factory=dict)
    due_us: Mapping[str, int] = field(default_factory=dict)
    words: Mapping[str, frozenset[str]] = field(default_factory=dict)
    promised_us: Mapping[str, int] = field(default_factory=dict)
    answered: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    asked: Mapping[int, int] = field(default_factory=dict)
    asked_us: int = 0
    ask_count: int = 0
    promises: Mapping[tuple[str, int], int] = field(default_factory=dict)
    fencing: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    confirmed: Mapping[str, int] = field(default_factory=dict)
    early: Mapping[str, int] = field(default_factory=dict)
    is_fencing_self: bool = False
    leaving_us: int | None = None
    has_left: bool = False
    wake_at_us: int = 0

    def copy(self) -> Self:
        """Another one, with the same contents."""
        return type(self)(*[getattr(self, name) for name in _NAMES])

    def wake(self, at_us: int) -> None:
        """While a step is under way: a tick is needed then."""
        self.wake_at_us = min(self.wake_at_us, at_us)

    @property
    def is_live(self) -> bool:
        """Whether this node has a session, as far as it knows."""
        return self.chain.phase is session.Phase.LIVE

    @property
    def epoch(self) -> int:
        """Of the own session; 0 without one."""
        return self.chain.known.session.epoch if self.chain.known and self.is_live else 0

    @property
    def incarnation(self) -> int:
        """Of the store, as seen last."""
        return self.cluster.incarnation if self.cluster else 0

    @property
    def suspected(self) -> frozenset[str]:
        """Whom this node suspects itself."""
        return self.words.get(self.node_id, frozenset())

    @property
    def entitled_until_us(self) -> int:
        """End of the guarantee, CLOCK_BOOTTIME: by renewals or by promises, the later one."""
        return max(self.renewed_until_us, self.failsafe_until_us)

    @property
    def held(self) -> dict[str, Token]:
        """What this node has in the store under its session, and with which token."""
        epoch = self.epoch
        return {
            name: Token(found.owner.incarnation, found.revision)
            for name, found in self.owners.items()
            if epoch
            and found.owner.node_id == self.node_id
            and found.owner.epoch == epoch
            and found.owner.hold is Hold.HELD
            and found.owner.incarnation == self.incarnation
            and found.revision > self.given_up.get(name, 0)
        }

    def live_sessions(self) -> dict[str, int]:
        """The epochs of all nodes that have a session, this one included, as seen last."""
        found = {
            name: peer.stored.session.epoch
            for name, peer in self.peers.items()
            if counts(peer.stored, self.incarnation)
        }
        if self.is_live:
            found[self.node_id] = self.epoch
        return found

    def is_well(self, node_id: str) -> bool:
        """Whether a node has a session, and this one does not suspect it."""
        if node_id == self.node_id:
            return self.is_live
        peer = self.peers.get(node_id)
        return (
            peer is not None
            and counts(peer.stored, self.incarnation)
            and node_id not in self.suspected
        )


_NAMES: Final = tuple(one.name for one in fields(State))


def counts(stored: Stored, incarnation: int) -> bool:
    """Whether a session is live (I2): one of another incarnation counts as none."""
    return stored.session.is_live and stored.session.incarnation == incarnation


def majority(nodes: Sized) -> int:
    """More than half of them."""
    return majority_of(len(nodes))


def majority_of(count: int) -> int:
    """More than half of so many."""
    return count // 2 + 1


def start(
    node_id: str,
    nodes: Iterable[str],
    life: str,
    timing: Timing,
    now_us: int,
    fences: Iterable[str] = (),
) -> State:
    """An engine that has just begun; its first `step` asks for the proof that nothing runs.

    Args:
        node_id: this node.
        nodes: all configured ones, the witness and this one included.
        life: a random text that no other process of this node ever had.
        timing: the same on all nodes.
        now_us: CLOCK_BOOTTIME.
        fences: nodes that have a fence agent.
    """
    return State(
        node_id=node_id,
        nodes=tuple(nodes),
        life=life,
        timing=timing,
        fences=frozenset(fences),
        started_us=now_us,
        chain=session.State(node_id),
    )


def with_nodes(state: State, nodes: Iterable[str], fences: Iterable[str]) -> State:
    """The same with these nodes configured."""
    changed = state.copy()
    changed.nodes, changed.fences = tuple(nodes), frozenset(fences)
    return changed
