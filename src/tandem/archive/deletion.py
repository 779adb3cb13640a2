"""What to delete next, and why. Pure: the order of the design, and nothing done.

    1. second copies past their window whose frames the primary has promised afresh
    2. what is older than its retention, or more than its camera may have
    3. while space is short: the oldest recording
    4. while it still is: the oldest copy held for another node that did not promise its own, and
       which may be the only one

A second without a window, such as a mirror's, is held for nobody: it is a recording like any other.
Evidence and open segments are never chosen (A7). Who promised a frame never drops it as a second
(A8). Recording is never stopped: whatever is closed and not evidence makes room for the newest.
"""

import enum
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from tandem.archive.rows import Role, Segment, State
from tandem.archive.space import Space

GAPS_KEPT_US: Final = 30 * 86_400_000_000
"""For so long it is known why nothing was recorded, at least, where no age is set."""

EARLIEST_US: Final = 1_735_689_600_000_000
"""2025-01-01. What is dated earlier was recorded by a clock that was wrong: its age is unknown."""


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
        window_us: how long a second keeps its copy for the primary; None where it keeps it as
            long as the retention, and where no other node is to promise anything.
    """

    max_age_us: int | None = None
    max_bytes: int | None = None
    window_us: int | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """What the plan has to respect.

    Attributes:
        retention: by camera.
        otherwise: for a camera that is not among them, such as another cluster's.
        confirmed: segments whose frames their primary has promised in answer to a question asked
            for this very plan. Never one that was stored: roles may have changed since.
        held_bytes: what each camera has on this node, all volumes together, without evidence: a
            lock must not cost what else there is of a camera.
    """

    retention: Mapping[str, Retention]
    otherwise: Retention = field(default_factory=Retention)
    confirmed: Collection[UUID] = frozenset()
    held_bytes: Mapping[str, int] = field(default_factory=dict)

    def of(self, segment: Segment) -> Retention:
        """The retention that holds for a segment."""
        return self.retention.get(segment.camera_id, self.otherwise)

    def is_held_for_another(self, segment: Segment) -> bool:
        """Whether a primary is still to promise this.

        What this node promised is its own, whatever it was before (A8).
        """
        is_second = segment.role is Role.SECOND and segment.promised_us is None
        return is_second and self.of(segment).window_us is not None


@dataclass(frozen=True, slots=True)
class Stock:
    """A volume as a plan sees it.

    Attributes:
        segments: in any order: all, or the oldest of each copy and of the volume.
        space: how full it is.
        wanted_bytes: room to be made beyond its limits.
    """

    segments: Sequence[Segment]
    space: Space
    wanted_bytes: int = 0


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
    stocks: Sequence[Stock], now_us: int | None, policy: Policy
) -> list[list[Deletion]]:
    """Choose what to delete from the volumes of a node.

    Args:
        stocks: the volumes; together, since a camera's share is that of the node.
        now_us: UTC; None while the node does not trust its clock: then nothing is old, and only
            shares and the lack of space delete.
        policy: retentions and fresh promises.

    Returns:
        Of each volume, the deletions in the order in which they are to be done. The same for the
        same input, whatever its order.
    """
    everything = sorted(
        (segment for stock in stocks for segment in stock.segments if _is_deletable(segment)),
        key=_age_order,
    )
    plan: list[Deletion] = []
    if now_us is not None:
        plan += _seconds(everything, now_us, policy)
        plan += _aged(_without(everything, plan), now_us, policy)
    plan += _oversized(_without(everything, plan), _freed(plan), policy)
    chosen = {deletion.segment.segment_id: deletion for deletion in plan}
    return [_of_volume(stock, chosen, policy) for stock in stocks]


def overdue_us(segment: Segment, now_us: int, policy: Policy) -> int | None:
    """By how much a segment is past its age; None if it does not go for it."""
    max_age_us = policy.of(segment).max_age_us
    if max_age_us is None or segment.start_us < EARLIEST_US:
        return None
    late_us = now_us - segment.end_us - max_age_us
    return late_us if late_us > 0 else None


def forgettable_us(stocks: Sequence[Stock], now_us: int, policy: Policy) -> dict[str, int]:
    """Before when it is of no use any more to know why a camera was not recorded.

    A gap is kept as long as a recording of its time would be: up to the camera's age, or else up to
    its oldest recording here.

    Args:
        stocks: all volumes of the node.
        now_us: UTC.
        policy: retentions.

    Returns:
        UTC, by camera; nothing of cameras of which there is nothing to go by.
    """
    found = {
        camera_id: now_us - kept.max_age_us
        for camera_id, kept in policy.retention.items()
        if kept.max_age_us is not None
    }
    oldest: dict[str, int] = {}
    for segment in (one for stock in stocks for one in stock.segments):
        if policy.of(segment).max_age_us is None and segment.start_us >= EARLIEST_US:
            start_us = oldest.get(segment.camera_id, now_us - GAPS_KEPT_US)
            oldest[segment.camera_id] = min(start_us, segment.start_us)
    return found | oldest


def _of_volume(stock: Stock, chosen: Mapping[UUID, Deletion], policy: Policy) -> list[Deletion]:
    """What is chosen of one volume, and what makes up for the space that is short there."""
    ids = {segment.segment_id for segment in stock.segments}
    plan = [deletion for segment_id, deletion in chosen.items() if segment_id in ids]
    left = [
        segment
        for segment in sorted(filter(_is_deletable, stock.segments), key=_age_order)
        if segment.segment_id not in chosen
    ]
    short_bytes = stock.wanted_bytes - stock.space.room_bytes - sum(_freed(plan).values())
    return plan + _oldest(left, short_bytes, policy)


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


def _seconds(left: Sequence[Segment], now_us: int, policy: Policy) -> list[Deletion]:
    return [
        Deletion(segment, Reason.SECOND_COPY, is_loss=False)
        for segment in left
        if (window_us := policy.of(segment).window_us) is not None
        and segment.end_us + window_us < now_us
        and policy.is_held_for_another(segment)
        and segment.segment_id in policy.confirmed
    ]


def _aged(left: Sequence[Segment], now_us: int, policy: Policy) -> list[Deletion]:
    return [
        Deletion(segment, Reason.AGE, is_loss=False)
        for segment in left
        if overdue_us(segment, now_us, policy) is not None
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
        if not policy.is_held_for_another(segment):
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
            is_loss = was_to_stay and not policy.is_held_for_another(segment)
            plan.append(Deletion(segment, Reason.SPACE, is_loss))
    return plan


def _is_sole(segment: Segment, policy: Policy) -> bool:
    """Whether this may be the only copy: held for another node, which did not promise its own."""
    return policy.is_held_for_another(segment) and segment.segment_id not in policy.confirmed
