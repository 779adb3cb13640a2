"""What the engine is told, and what it asks for.

Whoever runs it (the process `pulse`, or the simulator) gives it each event with the time, carries
out the effects in their order, and gives it a `Tick` at `machine.wake_us(state)` at the latest. Two
promises are needed of it:

- each `Transact` is answered by exactly one of `Done`, `Refused` and `Unknown`, and each `Read` by
  `Answered` or `Unanswered`; there is never more than one of them under way. An answer that is late
  is no harm.
- whatever runs under a `Start` ends by itself when `Entitled` has not been pushed forward in time:
  the engine asks for the stop before, but may be frozen.

Everything else may be lost, late, doubled, or out of order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tandem.cluster.exclusive.values import Owner, Token
from tandem.cluster.order import Order
from tandem.cluster.session import Stored, Write

# --- What is read from the store ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredOwner:
    """What stands under `owners/<resource>`, with its mod_revision."""

    owner: Owner
    revision: int


@dataclass(frozen=True, slots=True)
class StoredCluster:
    """What of the key `cluster` matters here, with its mod_revision."""

    incarnation: int
    revision: int


@dataclass(frozen=True, slots=True)
class View:
    """Keys as they stood at one revision of the store. What was not looked at is None.

    Attributes:
        revision: of the store when it was read, not of the newest of these keys.
        cluster: the key `cluster`.
        sessions: all keys `sessions/`, by node; None for those that were not looked at.
        owners: likewise `owners/`.
        orders: likewise `orders/`; their revisions do not matter, their generations do.
        unread: of those, the ones that this release cannot read, by resource: why not.
        is_whole: whether the mappings name all keys that are there, or only those looked at, with
            None for each that is not there.
    """

    revision: int
    cluster: StoredCluster | None = None
    sessions: Mapping[str, Stored | None] | None = None
    owners: Mapping[str, StoredOwner | None] | None = None
    orders: Mapping[str, Order | None] | None = None
    unread: Mapping[str, str] = field(default_factory=dict)
    is_whole: bool = True


# --- Messages between nodes: how a holder goes on while the store is down -----------------------


@dataclass(frozen=True, slots=True)
class Ask:
    """A holder that cannot renew asks: do you promise not to evict me?

    Attributes:
        holder: who asks.
        epoch: of its session.
        number: grows with each; the answer repeats it.
        of_epoch: of the session under which the holder knows whom it asks.
        incarnation: of the store.
    """

    holder: str
    epoch: int
    number: int
    of_epoch: int
    incarnation: int


@dataclass(frozen=True, slots=True)
class Promise:
    """The answer: not for G'.

    Attributes:
        node_id: who promises.
        epoch: of its session.
        number: of the question.
        holder_epoch: of the holder's session, as it asked.
        incarnation: of the store.
    """

    node_id: str
    epoch: int
    number: int
    holder_epoch: int
    incarnation: int


Message = Ask | Promise

# --- Events -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class Clean:
    """The answer to `Prove`: nothing exclusive runs on this machine."""


@dataclass(frozen=True, slots=True)
class Done:
    """The transaction happened.

    Attributes:
        nonce: which.
        revision: that it made.
        view: what it read beside; at best all of `sessions/`.
    """

    nonce: str
    revision: int
    view: View | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """One of the transaction's conditions did not hold.

    Attributes:
        nonce: which.
        view: all keys that it would have written, `cluster` included, as they stand.
    """

    nonce: str
    view: View


@dataclass(frozen=True, slots=True)
class Unknown:
    """The transaction may have happened, or may yet."""

    nonce: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to `Read`: linearizable, whole, of all four kinds of keys."""

    view: View


@dataclass(frozen=True, slots=True)
class Unanswered:
    """`Read` was not answered in time."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A watch or a listing shows this; it may lag."""

    view: View


@dataclass(frozen=True, slots=True)
class Words:
    """Whom each node suspects now, its own suspicions included, by fresh heartbeats alone."""

    suspects: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Leave:
    """This node is to hold nothing any more, and then to end its session; for good.

    Attributes:
        by_us: what runs is asked to end until then, and killed then.
    """

    by_us: int


@dataclass(frozen=True, slots=True)
class Received:
    """A message has arrived, and it is authentic."""

    message: Message


@dataclass(frozen=True, slots=True)
class OfARun:
    """What is said of one run of a resource.

    Attributes:
        resource: which.
        run: of the `Start`, or of the `Stop` of what was found.
    """

    resource: str
    run: int


@dataclass(frozen=True, slots=True)
class Started(OfARun):
    """It runs here, as `Start` asked for."""


@dataclass(frozen=True, slots=True)
class Stopped(OfARun):
    """It is proven that nothing of it runs here."""


@dataclass(frozen=True, slots=True)
class FailureOfARun(OfARun):
    """What could not be done.

    Attributes:
        reason: why, as a sentence.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class StartFailed(FailureOfARun):
    """It could not be started, or has ended, and nothing of it runs."""


@dataclass(frozen=True, slots=True)
class StopFailed(FailureOfARun):
    """It could not be proven that it is stopped."""


@dataclass(frozen=True, slots=True)
class FoundRunning:
    """A probe found a resource running that nobody here has started."""

    resource: str


@dataclass(frozen=True, slots=True)
class Fenced:
    """Fencing that was asked for in this epoch has confirmed that the node is off."""

    node_id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class FencingFailed:
    """Fencing did not confirm it.

    Attributes:
        node_id: the node.
        epoch: in which it was asked for.
        reason: why, as a sentence.
    """

    node_id: str
    epoch: int
    reason: str


OfTheStore = Done | Refused | Unknown | Answered | Unanswered | Seen
OfRuns = Started | StartFailed | Stopped | StopFailed | FoundRunning
Event = OfTheStore | OfRuns | Tick | Clean | Words | Leave | Received | Fenced | FencingFailed

# --- Effects ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Prove:
    """To do: stop and prove stopped whatever exclusive runs here, whoever started it; `Clean`."""


@dataclass(frozen=True, slots=True)
class Transact:
    """To do: if every key is as last known, write all of them in one transaction.

    Attributes:
        nonce: names it; it stands in the session that it writes.
        writes: the own session first. Each is to be compared with its revision.
        cluster_revision: that of the key `cluster`, to be compared as well.
    """

    nonce: str
    writes: tuple[Write, ...]
    cluster_revision: int


@dataclass(frozen=True, slots=True)
class Read:
    """To do: read everything, linearizably; then `Answered` or `Unanswered`."""


@dataclass(frozen=True, slots=True)
class Start:
    """To do: make sure that nothing of it runs, start it, hand it the token.

    Attributes:
        resource: which.
        run: grows from start to start; whatever is said of it later repeats it.
        token: None for a soft resource that is started before the store's word.
    """

    resource: str
    run: int
    token: Token | None


@dataclass(frozen=True, slots=True)
class Stop:
    """To do: stop it and prove it stopped; `Stopped` or `StopFailed`.

    It may be asked for again, with less time, and while it is still being started.

    Attributes:
        resource: which.
        run: of its start, or a new one for what was found running.
        by_us: it is asked to end until then, and killed then; None: as its definition says.
    """

    resource: str
    run: int
    by_us: int | None


@dataclass(frozen=True, slots=True)
class Entitled:
    """To do: push the kernel's timers and lifetimes of all that runs forward.

    Attributes:
        until_us: end of the guarantee, CLOCK_BOOTTIME.
        kill_us: some time before: the kernel kills then whatever still runs.
    """

    until_us: int
    kill_us: int


@dataclass(frozen=True, slots=True)
class Fence:
    """To do: call the node's fence agent; `Fenced` or `FencingFailed`."""

    node_id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class FenceSelf:
    """To do: end this machine, now.

    Attributes:
        reason: why, as a sentence.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Send:
    """To do: send this to a node, over all links; it need not arrive."""

    to: str
    message: Message


@dataclass(frozen=True, slots=True)
class Say:
    """To do: tell the administrator."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Left:
    """Nothing runs here, and this node has no session: the process may end."""


Effect = Left | Prove | Transact | Read | Start | Stop | Entitled | Fence | FenceSelf | Send | Say
