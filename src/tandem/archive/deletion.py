"""What to delete next, and why. Pure: the order of the design, and nothing done.

    1. second copies past their window whose frames the primary has promised afresh
    2. what is older than its retention, or more than its camera may have
    3. while space is short: the oldest recording
    4. while it still is: the oldest second copy that nobody promised, which may be the only one

Evidence and open segments are never chosen (A7). Who promised a frame never drops it as a second
(A8). Recording is never stopped: whatever is closed and not evidence makes room for the newest.
"""

import enum
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from tandem.archive.rows import Role, Segment, State
from tandem.archive.space import Space


class Reason(enum.StrEnum):
    """Why a segment is deleted; in the order in which reasons are tried."""

    SECOND_COPY = "second_copy"
    AGE = "age"
    SIZE = "size"
    SPACE = "space"
    SOLE_COPY = "sole_copy"


@dataclass(frozen=True, slots=True)
class Retention:
    """How long a camera's recordings are kept.

    Attributes:
        max_age_us: deleted when older; None keeps them as long as there is space.
        max_bytes: the camera's share of this node, the oldest beyond it deleted; None for no limit.
        window_us: how long a second keeps its copy; None for as long as the retention.
    """

    max_age_us: int | None = None
    max_bytes: int | None = None
    window_us: int | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """What the plan has to respect.

    Attributes:
        retention: by camera.
        otherwise: for a camera that is not among them, such as one that was removed.
        confirmed: segments whose frames their primary has promised in answer to a question asked
            for this very plan. Never one that was stored: roles may have changed since.
        held_bytes: what each camera has on this node, all volumes together.
        wanted_bytes: room to be made beyond the limits of the volume.
    """

    retention: Mapping[str, Retention]
    otherwise: Retention = field(default_factory=Retention)
    confirmed: Collection[UUID] = frozenset()
    held_bytes: Mapping[str, int] = field(default_factory=dict)
    wanted_bytes: int = 0

    def of(self, segment: Segment) -> Retention:
        """The retention that holds for a segment."""
        return self.retention.get(segment.camera_id, self.otherwise)


@dataclass(frozen=True, slots=True)
class Deletion:
    """One segment that is to go.

    Attributes:
        segment: which.
        reason: why.
        is_loss: whether frames go that were to be kept: entered as a gap, and told.
    """

    segment: Segment
    reason: Reason
    is_loss: bool


def plan_deletion(
    segments: Iterable[Segment], space: Space, now_us: int | None, policy: Policy
) -> list[Deletion]:
    """Choose what to delete from one volume.

    Args:
        segments: of the volume, in any order: all, or the oldest of each camera and of the seconds.
        space: how full the volume is.
        now_us: UTC; None while the node does not trust its clock: then nothing is old, and only
            the lack of space deletes.
        policy: retentions and fresh promises.

    Returns:
        Deletions in the order in which they are to be done. The same for the same input, whatever
        its order.
    """
    left = sorted(filter(_is_deletable, segments), key=_age_order)
    plan: list[Deletion] = []
    if now_us is not None:
        plan += _seconds(left, now_us, policy)
        plan += _aged(_without(left, plan), now_us, policy)
    plan += _oversized(_without(left, plan), _freed(plan), policy)
    short_bytes = policy.wanted_bytes - space.room_bytes - sum(_freed(plan).values())
    return plan + _oldest(_without(left, plan), short_bytes, policy)


def _without(segments: Sequence[Segment], plan: Sequence[Deletion]) -> list[Segment]:
    chosen = {deletion.segment.segment_id for deletion in plan}
    return [segment for segment in segments if segment.segment_id not in chosen]


def _freed(plan: Sequence[Deletion]) -> Counter[str]:
    """How many bytes of each camera a plan frees."""
    freed: Counter[str] = Counter()
    for deletion in plan:
        freed[deletion.segment.camera_id] += deletion.segment.durable_bytes
    return freed


def _is_deletable(segment: Segment) -> bool:
    return not segment.locked and segment.state in {State.CLOSED, State.SUSPECT}


def _age_order(segment: Segment) -> tuple[int, UUID]:
    """Oldest first by capture time, ties by id: whatever clock anybody has now."""
    return segment.start_us, segment.segment_id


def _is_unpromised_second(segment: Segment) -> bool:
    """Held for another node. What this node promised is its own, whatever it was before (A8)."""
    return segment.role is Role.SECOND and segment.promised_us is None


def _seconds(left: Sequence[Segment], now_us: int, policy: Policy) -> list[Deletion]:
    return [
        Deletion(segment, Reason.SECOND_COPY, is_loss=False)
        for segment in left
        if (window_us := policy.of(segment).window_us) is not None
        and segment.end_us + window_us < now_us
        and _is_unpromised_second(segment)
        and segment.segment_id in policy.confirmed
    ]


def _aged(left: Sequence[Segment], now_us: int, policy: Policy) -> list[Deletion]:
    return [
        Deletion(segment, Reason.AGE, is_loss=False)
        for segment in left
        if (max_age_us := policy.of(segment).max_age_us) is not None
        and segment.end_us + max_age_us < now_us
    ]


def _oversized(left: Sequence[Segment], freed: Mapping[str, int], policy: Policy) -> list[Deletion]:
    """The oldest beyond a camera's share; a copy held for another node is never among them."""
    held = Counter(policy.held_bytes)
    held.subtract(freed)
    plan: list[Deletion] = []
    for segment in left:
        max_bytes = policy.of(segment).max_bytes
        if max_bytes is None or held[segment.camera_id] <= max_bytes:
            continue
        if not _is_unpromised_second(segment):
            held[segment.camera_id] -= segment.durable_bytes
            plan.append(Deletion(segment, Reason.SIZE, is_loss=False))
    return plan


def _oldest(left: Sequence[Segment], short_bytes: int, policy: Policy) -> list[Deletion]:
    """As many of the oldest as make up for what is short; sole copies after all others."""
    plan: list[Deletion] = []
    for segment in sorted(left, key=lambda segment: _is_sole(segment, policy)):
        if short_bytes <= 0:
            break
        short_bytes -= segment.durable_bytes
        if _is_sole(segment, policy):
            plan.append(Deletion(segment, Reason.SOLE_COPY, is_loss=True))
        else:
            was_to_stay = policy.of(segment).max_age_us is not None
            is_loss = was_to_stay and not _is_unpromised_second(segment)
            plan.append(Deletion(segment, Reason.SPACE, is_loss))
    return plan


def _is_sole(segment: Segment, policy: Policy) -> bool:
    """Whether this may be the only copy: held for another node, which did not promise its own."""
    return _is_unpromised_second(segment) and segment.segment_id not in policy.confirmed
