"""Copies of one stream to one sequence in which every frame is exactly once. Pure.

A frame is its place in the ordered sequence of the identities of its access units; time is an
attribute. Two recorders of a camera never write the same bytes and seldom the same times: RTP
offsets differ per client, clocks are anchored apart by some milliseconds, a thawed recorder writes
late what it read late, and a camera may send its newest GOP twice. What they share is the pictures,
in order, each copy with its own holes.

Identities alone do not suffice, since a still scene may repeat them every GOP; times alone do not,
since copies may be apart by more than a frame. So the offset between two copies is taken from the
identities (most pictures are unique), and each frame then finds its twin as the nearest equal
identity at that offset, in order. The offset follows the twins, because each clock is slewed by up
to 500 ppm.

Invariants (`tests/archive/test_merge.py` has one test each):

M1. Every frame of every copy is in the result, or its twin is.
M2. No two frames of the result are twins.
M3. The frames of each copy keep their order.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from heapq import merge as heap_merge

TWIN_US = 400_000
"""How far from the expected offset a twin may be: beyond the wander of clocks between two twins,
below half the shortest GOP of a still scene (one second)."""

LONGEST_OFFSET_US = 30_000_000
"""Copies further apart than this are not of one cluster's clocks."""

OFFSET_BIN_US = 10_000
"""Offsets this close are one offset: half the frame interval of a 50 fps camera."""

NEIGHBOURS = 4
"""How many occurrences of an identity, nearest in time, vote for an offset."""

NEARLY = 0.8
"""Share of the best offset's votes that makes another one a rival. A still scene gives rivals a GOP
apart, which have fewer votes only by what the ends of the copies do not share."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One access unit of one copy.

    Attributes:
        identity: of its picture (`AccessUnit.identity`).
        time_us: its decode time, UTC.
        copy: which copy it comes from.
        index: its place in that copy.
    """

    identity: bytes
    time_us: int
    copy: int
    index: int


def merge(copies: Sequence[Sequence[Frame]]) -> list[Frame]:
    """Join the copies of one stream.

    Args:
        copies: each in decode order; the first is preferred wherever it has the frame, and its
            times are the times of the result.

    Returns:
        Every frame once, in decode order, times on the first copy's timeline.
    """
    merged: list[Frame] = []
    for copy in copies:
        merged = _merge_two(merged, copy)
    return merged


def offset_us(ours: Sequence[Frame], theirs: Sequence[Frame]) -> int | None:
    """By how much `theirs` is later than `ours`; None where no picture is in both.

    Every identity that both have votes for the time between its occurrences. A still scene makes
    several offsets nearly equally likely (a GOP apart); then the smallest is meant, since nodes of
    one cluster agree on the time to well under a GOP.
    """
    places: dict[bytes, list[int]] = defaultdict(list)
    for frame in theirs:
        places[frame.identity].append(frame.time_us)
    votes: Counter[int] = Counter()
    for frame in ours:
        for time_us in _nearest(places.get(frame.identity, []), frame.time_us):
            votes[(time_us - frame.time_us) // OFFSET_BIN_US] += 1
    if not votes:
        return None
    weight = {bin_: votes[bin_] + max(votes[bin_ - 1], votes[bin_ + 1]) for bin_ in list(votes)}
    enough = NEARLY * max(weight.values())
    rivals = [bin_ for bin_ in weight if weight[bin_] >= enough]
    best = min(rivals, key=lambda bin_: (abs(bin_), -weight[bin_], bin_))
    return best * OFFSET_BIN_US + OFFSET_BIN_US // 2


def _nearest(times: list[int], time_us: int) -> list[int]:
    at = bisect_left(times, time_us)
    near = times[max(0, at - NEIGHBOURS) : at + NEIGHBOURS]
    return [found for found in near if abs(found - time_us) <= LONGEST_OFFSET_US]


def _twins(ours: Sequence[Frame], theirs: Sequence[Frame], offset: int) -> list[tuple[int, int]]:
    """Pairs of places of the same frame, both ascending (M3).

    Two frames are twins only if each is the other's nearest: else the first frames of a frozen
    picture would take the twins of later ones.
    """
    places: dict[bytes, list[int]] = defaultdict(list)
    for at, frame in enumerate(theirs):
        places[frame.identity].append(at)
    pairs: list[tuple[int, int]] = []
    passed = -1
    for at, (frame, again_us) in enumerate(zip(ours, _next_occurrences(ours), strict=True)):
        candidates = places.get(frame.identity)
        if not candidates:
            continue
        expected = frame.time_us + offset
        near = [
            place
            for place in candidates[bisect_right(candidates, passed) :][: 2 * NEIGHBOURS]
            if abs(theirs[place].time_us - expected) <= TWIN_US
        ]
        if not near:
            continue
        twin = min(near, key=lambda place: abs(theirs[place].time_us - expected))
        distance = theirs[twin].time_us - expected
        if again_us is not None and abs(distance - (again_us - frame.time_us)) < abs(distance):
            continue
        pairs.append((at, twin))
        passed = twin
        offset += distance
    return pairs


def _next_occurrences(frames: Sequence[Frame]) -> list[int | None]:
    """For each frame, when the same picture comes next."""
    following: dict[bytes, int] = {}
    result: list[int | None] = []
    for frame in reversed(frames):
        result.append(following.get(frame.identity))
        following[frame.identity] = frame.time_us
    result.reverse()
    return result


def _merge_two(ours: Sequence[Frame], theirs: Sequence[Frame]) -> list[Frame]:
    offset = offset_us(ours, theirs) or 0
    merged: list[Frame] = []
    our_place = their_place = 0
    for our_twin, their_twin in [*_twins(ours, theirs, offset), (len(ours), len(theirs))]:
        merged += _interleave(ours[our_place:our_twin], theirs[their_place:their_twin], offset)
        if our_twin < len(ours):
            merged.append(ours[our_twin])
            offset = theirs[their_twin].time_us - ours[our_twin].time_us
        our_place, their_place = our_twin + 1, their_twin + 1
    return merged


def _interleave(ours: Sequence[Frame], theirs: Sequence[Frame], offset: int) -> list[Frame]:
    """Order what only one copy has, between two twins, by time."""
    shifted = [replace(frame, time_us=frame.time_us - offset) for frame in theirs]
    return list(heap_merge(ours, shifted, key=lambda frame: frame.time_us))
