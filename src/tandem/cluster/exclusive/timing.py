"""How long everything takes, and that it fits: the order of all instants of one guarantee.

Counted from before a renewal was sent, on the holder's own clock (docs/design/exclusive.md, T1):

    0 - renew - store fails over - rpc -|- soft stop - hard stop - proof - self-fence -|- G

Up to the first bar everything may go wrong at once with the store, and nothing is stopped. Past it
the holder ends what it holds, each step only if the one before was not enough; and before G, all of
it has ended. Only later, G' after what a successor saw on *its* clock, does it begin elsewhere.
"""

from dataclasses import dataclass
from typing import Final

MS: Final = 1000
SECOND: Final = 1_000_000

FASTEST_PERCENT: Final = 105
SLOWEST_PERCENT: Final = 95
"""Of a second that a clock may count in a second, at most and at least: 5 % and no more either way.
A quartz is wrong by a hundredth of a percent; the rest is for virtual machines."""


class TimingError(ValueError):
    """These times do not fit together; the message says which, and what to change."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The times of the engine, all in microseconds.

    Attributes:
        heartbeat_us: between etcd's heartbeats: 50 ms, or more than a round trip of the network.
        election_us: without one for so long, a member of etcd stands for election.
        store_failover_us: from the death of etcd's leader to the next write: 2 x election, the
            longest that a member waits. A split vote takes longer, and then may cost a healthy
            holder its resources: seldom, and safely.
        renew_us: between renewals. Shorter costs writes, longer makes the guarantee longer.
        rpc_us: for one call to the store. Shorter makes slow answers unknown ones.
        soft_stop_us: so long after the last renewal the holder asks its resources to end.
        hard_stop_us: and then it kills them.
        proof_us: for the empty control group after the kill.
        self_fence_us: for the watchdog or the kernel to end the machine, if there is no proof.
        guarantee_us: G. All of the above has to fit; a successor waits for G'.
        stagger_us: between those that may do the same: the first does it, the others if it did not.
        retry_us: after a transaction with a take, a release or an eviction was refused, before the
            next such one: a watch has brought what is new by then.
        fence_retry_us: between attempts to fence a node.
        fence_wait_us: for one attempt; then the next is made, whatever became of it.
        failed_us: a node where a start has failed tries again after so long.
    """

    heartbeat_us: int
    election_us: int
    store_failover_us: int
    renew_us: int
    rpc_us: int
    soft_stop_us: int
    hard_stop_us: int
    proof_us: int
    self_fence_us: int
    guarantee_us: int
    stagger_us: int = 50 * MS
    retry_us: int = 20 * MS
    fence_retry_us: int = 2 * SECOND
    fence_wait_us: int = 60 * SECOND
    failed_us: int = 10 * SECOND

    @property
    def wait_us(self) -> int:
        """G' = G x 1.05 / 0.95, rounded up: on any clock, no less than G on any other."""
        return -(-self.guarantee_us * FASTEST_PERCENT // SLOWEST_PERCENT)

    @property
    def ask_us(self) -> int:
        """So long after a renewal a holder asks for failsafe: the next was not answered in time."""
        return self.renew_us + self.rpc_us

    @property
    def undo_soft_us(self) -> int:
        """A soft resource that was started early runs for so long without the store's word.

        That comes later than usual where the store lost its leader with the resource's owner.
        """
        return self.renew_us + self.store_failover_us + self.rpc_us

    def __post_init__(self) -> None:
        outage_us = self.renew_us + self.store_failover_us + self.rpc_us
        ended_us = self.hard_stop_us + self.proof_us + self.self_fence_us
        for name, before_us, after, after_us in (
            ("renew + store failover + rpc", outage_us, "the soft stop", self.soft_stop_us),
            ("the soft stop", self.soft_stop_us, "the hard stop", self.hard_stop_us),
            ("hard stop + proof + self-fence", ended_us, "the guarantee", self.guarantee_us),
            ("etcd's heartbeat x 5", 5 * self.heartbeat_us, "its election", self.election_us + 1),
            ("etcd's election", self.election_us, "its failover", self.store_failover_us),
            ("zero", 0, "the time between renewals", self.renew_us),
            ("zero", 0, "the time for a call to the store", self.rpc_us),
        ):
            if before_us >= after_us:
                raise TimingError(
                    f"The times do not fit: {name} is {before_us / MS:g} ms, and has to be less"
                    f" than {after}, {after_us / MS:g} ms. Choose a preset, or make the guarantee"
                    " longer and the steps before it in proportion."
                )


FAST: Final = Timing(
    heartbeat_us=50 * MS,
    election_us=300 * MS,
    store_failover_us=600 * MS,
    renew_us=200 * MS,
    rpc_us=150 * MS,
    soft_stop_us=1000 * MS,
    hard_stop_us=1150 * MS,
    proof_us=100 * MS,
    self_fence_us=150 * MS,
    guarantee_us=1500 * MS,
)
"""One site, solid-state disks for the store, a network of less than 10 ms."""

STANDARD: Final = Timing(
    heartbeat_us=50 * MS,
    election_us=500 * MS,
    store_failover_us=1000 * MS,
    renew_us=300 * MS,
    rpc_us=200 * MS,
    soft_stop_us=1550 * MS,
    hard_stop_us=1700 * MS,
    proof_us=100 * MS,
    self_fence_us=150 * MS,
    guarantee_us=2000 * MS,
)
"""What fits most sites."""

PATIENT: Final = Timing(
    heartbeat_us=250 * MS,
    election_us=2500 * MS,
    store_failover_us=5000 * MS,
    renew_us=1500 * MS,
    rpc_us=1000 * MS,
    soft_stop_us=7600 * MS,
    hard_stop_us=8600 * MS,
    proof_us=300 * MS,
    self_fence_us=500 * MS,
    guarantee_us=10_000 * MS,
    stagger_us=250 * MS,
    retry_us=100 * MS,
)
"""Between sites, or where disks and networks stall."""

PRESETS: Final = {"fast": FAST, "standard": STANDARD, "patient": PATIENT}
