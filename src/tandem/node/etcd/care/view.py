"""How the members of the store are, and what may be done about it; plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

NO_SPACE: Final = "NOSPACE"
CORRUPT: Final = "CORRUPT"


@dataclass(frozen=True, slots=True)
class MemberView:
    """One member.

    Attributes:
        member: what etcd calls it by; 0 where it does not answer.
        silent_us: for how long it has not answered; 0 where it does.
        leader: whom it follows; 0 for none.
        size_bytes: of its database file.
        in_use_bytes: of that, what is not free.
        revision: of the store, as it knows it.
        alarms: `NOSPACE` or `CORRUPT`, by the member that raises it.
        fsync_p99_us: how long its disk takes; None where that is not known.
    """

    member: int = 0
    silent_us: int = 0
    leader: int = 0
    size_bytes: int = 0
    in_use_bytes: int = 0
    revision: int = 0
    alarms: frozenset[tuple[int, str]] = frozenset()
    fsync_p99_us: int | None = None

    @property
    def answers(self) -> bool:
        """Whether it answered just now."""
        return not self.silent_us

    @property
    def leads(self) -> bool:
        """Whether it is the leader."""
        return self.answers and self.member != 0 and self.leader == self.member


@dataclass(frozen=True, slots=True)
class View:
    """The store, as one node sees it.

    Attributes:
        own: the id of this node.
        members: all of them, by node.
        quota_bytes: the store takes no more writes beyond it.
        is_quiet: few changes are made now, or quiet was waited for long enough.
        has_turn: this node may take its member out of service for a moment.
        turn_is_free: nobody has the turn, for certain.
        is_compacted: this node has compacted the store since the present alarm was raised.
        may_defragment: it did not fail lately.
        may_hand_over: it was not done lately.
    """

    own: str
    members: Mapping[str, MemberView]
    quota_bytes: int
    is_quiet: bool = False
    has_turn: bool = False
    turn_is_free: bool = False
    is_compacted: bool = False
    may_defragment: bool = True
    may_hand_over: bool = True

    @property
    def alarms(self) -> frozenset[tuple[int, str]]:
        """Of all members, by what each tells."""
        return frozenset().union(*(it.alarms for it in self.members.values()))

    @property
    def is_full(self) -> bool:
        """Whether the store refuses writes for want of room."""
        return any(kind == NO_SPACE for _, kind in self.alarms)

    @property
    def is_corrupt(self) -> bool:
        """Whether members have found that they differ."""
        return any(kind == CORRUPT for _, kind in self.alarms)
