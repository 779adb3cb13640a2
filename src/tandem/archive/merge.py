"""Copies of one stream to one sequence in which every frame is exactly once. Pure.

A frame is its place in the ordered sequence of the identities of its access units; time is an
attribute. Two recorders of a camera never write the same bytes and seldom the same times: RTP
offsets differ per client, clocks are anchored apart by some milliseconds, a thawed recorder writes
late what it read late, and a camera may send its newest GOP twice. What they share is the pictures,
in order, each copy with its own holes.

A picture that occurs once in either copy is its own proof: wherever its twin stands in time, it is
the same picture. These are the *anchors* (as in a patience diff: the longest run of them that is in
order). Identities alone do not suffice, since a still scene may repeat them every GOP, and silence
every frame of sound. Such frames are paired between two anchors, by time: each with the nearest
equal one at the offset of the last twins, which follows them, because each clock is slewed by up to
500 ppm. Without any anchor the offset is taken to be small, since nodes of one cluster agree on the
time to well under a GOP: else the ends of a still scene would be taken for its later beginning. And
where holes leave each copy one of a repeated picture, of other moments, these are no anchor: amid
repeated pictures an anchor has to be at the offset that is known.

Invariants (`tests/archive/test_merge.py` has one test each):

M1. Every frame of every copy is in the result, or its twin is.
M2. No two frames of the result are twins.
M3. The frames of each copy keep their order.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from heapq import merge as heap_merge
from itertools import pairwise
from statistics import median_low
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

TWIN_US = 450_000
"""How far from the expected offset a repeated picture's twin may be at most: beyond the wander of
clocks between two twins. Where the picture comes again sooner, half the time between."""

REPEATING_US = 10_000_000
"""So near a repeated picture the scene is still; the longest GOP."""

LONGEST_OFFSET_US = 30_000_000
"""Copies further apart than this are not of one cluster's clocks."""

OFFSET_BIN_US = 10_000
"""Offsets this close are one offset: half the frame interval of a 50 fps camera."""

NEARLY = 0.8
"""Share of the best offset's votes that makes another one a rival; the smaller of rivals is it."""

_NONE: Final[Mapping[bytes, int]] = MappingProxyType({})

Pair = tuple[int, int]
"""Places of twins: in ours, in theirs."""


class Timed(Protocol):
    """What can be paired: something with an identity, at a time."""

    @property
    def identity(self) -> bytes:
        """Of its picture or sound (`AccessUnit.identity`)."""

    @property
    def time_us(self) -> int:
        """Its time, UTC; ascending among equal frames of a copy."""


class Frame(NamedTuple):
    """One access unit of one copy.

    Attributes:
        identity: of its picture (`AccessUnit.identity`).
        time_us: its decode time, UTC.
        copy: which copy it comes from.
        place: in that copy.
    """

    identity: bytes
    time_us: int
    copy: int
    place: int


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


def offset_us(ours: Sequence[Timed], theirs: Sequence[Timed]) -> int | None:
    """By how much `theirs` is later than `ours`; None where no picture is in both."""
    anchors = _anchors(ours, theirs, None, _NONE)
    if anchors:
        return median_low([theirs[place].time_us - ours[at].time_us for at, place in anchors])
    return _Repeated(ours, theirs, _NONE).offset_us()


def repetitions_us(copies: Iterable[Sequence[Timed]]) -> dict[bytes, int]:
    """Which pictures any copy has more than once, and half the time to the nearest repetition.

    Args:
        copies: each without a frame that it has twice.
    """
    found: dict[bytes, int] = {}
    for frames in copies:
        if len({frame.identity for frame in frames}) < len(frames):
            for identity, places in _places(frames).items():
                for at, following in pairwise(places):
                    apart_us = abs(frames[following].time_us - frames[at].time_us)
                    found[identity] = min(found.get(identity, TWIN_US), apart_us // 2)
    return found


def twins(
    ours: Sequence[Timed],
    theirs: Sequence[Timed],
    known_offset_us: int | None = None,
    repeated_us: Mapping[bytes, int] = _NONE,
) -> list[Pair]:
    """Pair the frames that both copies have.

    Args:
        ours: in decode order.
        theirs: likewise.
        known_offset_us: by how much `theirs` is later; None where nothing is known.
        repeated_us: pictures that are known to be repeated, from other copies as well, see
            `repetitions_us`: they are no anchors, even if either copy has but one.

    Returns:
        Places of the same frame in both, ascending in both (M3).
    """
    anchors = _anchors(ours, theirs, known_offset_us, repeated_us)
    repeated = _Repeated(ours, theirs, repeated_us)
    if known_offset_us is not None:
        offset = known_offset_us
    elif anchors:
        offset = theirs[anchors[0][1]].time_us - ours[anchors[0][0]].time_us
    else:
        offset = repeated.offset_us() or 0
    pairs: list[Pair] = []
    ends = (len(ours), len(theirs))
    for (at, place), (next_at, next_place) in pairwise([(-1, -1), *anchors, ends]):
        if at >= 0:
            pairs.append((at, place))
            offset = theirs[place].time_us - ours[at].time_us
        if next_at - at > 1 and next_place - place > 1:
            pairs += repeated.pair(range(at + 1, next_at), range(place + 1, next_place), offset)
    return pairs


class _Repeated:
    """Frames whose picture occurs more than once, in either of two copies.

    Each has a *reach*: half the time to its nearest repetition. Nothing tells a twin that is
    further away from the twin of a repetition, which need not be held by either copy.
    """

    def __init__(
        self,
        ours: Sequence[Timed],
        theirs: Sequence[Timed],
        known_us: Mapping[bytes, int],
    ) -> None:
        self._ours = ours
        self._theirs = theirs
        self._known_us = known_us
        self._places: Mapping[bytes, Sequence[int]] | None = None
        self._our_reach_us: Sequence[int] = ()
        self._their_reach_us: Sequence[int] = ()

    def offset_us(self) -> int | None:
        """The offset of a scene in which every picture is repeated; None where nothing tells it.

        Every picture of ours votes for the time to each equal one of theirs within reach.
        """
        places = self._look()
        votes: Counter[int] = Counter()
        for frame, reach_us in zip(self._ours, self._our_reach_us, strict=True):
            for place in self._near(places.get(frame.identity, ()), frame.time_us, reach_us):
                late_us = self._theirs[place].time_us - frame.time_us
                if abs(late_us) <= self._their_reach_us[place]:
                    votes[late_us // OFFSET_BIN_US] += 1
        if not votes:
            return None
        weight = {bin_: votes[bin_] + max(votes[bin_ - 1], votes[bin_ + 1]) for bin_ in list(votes)}
        enough = NEARLY * max(weight.values())
        rivals = [bin_ for bin_ in weight if weight[bin_] >= enough]
        best = min(rivals, key=lambda bin_: (abs(bin_), -weight[bin_], bin_))
        return best * OFFSET_BIN_US + OFFSET_BIN_US // 2

    def pair(self, ours: range, theirs: range, offset: int) -> list[Pair]:
        """Pair `ours[range]` with `theirs[range]`, each with the nearest at an offset."""
        places = self._look()
        pairs: list[Pair] = []
        passed = theirs.start - 1
        for at in ours:
            frame = self._ours[at]
            expected = frame.time_us + offset
            near = [
                (abs(distance), distance, place)
                for place in self._near(
                    places.get(frame.identity, ()), expected, self._our_reach_us[at]
                )
                if passed < place < theirs.stop
                and abs(distance := self._theirs[place].time_us - expected)
                <= self._their_reach_us[place]
            ]
            if near:
                _, distance, place = min(near)
                pairs.append((at, place))
                passed = place
                offset += distance
        return pairs

    def _near(self, places: Sequence[int], time_us: int, reach_us: int) -> Sequence[int]:
        """Those of some places whose times are within reach of a time."""
        first = bisect_left(places, time_us - reach_us, key=self._their_us)
        return places[first : bisect_right(places, time_us + reach_us, first, key=self._their_us)]

    def _their_us(self, place: int) -> int:
        return self._theirs[place].time_us

    def _look(self) -> Mapping[bytes, Sequence[int]]:
        """Find out what is repeated, once it is needed; returns the places of theirs."""
        if self._places is None:
            self._places = _places(self._theirs)
            self._our_reach_us = _reaches(self._ours, _places(self._ours), self._known_us)
            self._their_reach_us = _reaches(self._theirs, self._places, self._known_us)
        return self._places


def _anchors(
    ours: Sequence[Timed],
    theirs: Sequence[Timed],
    known_offset_us: int | None,
    repeated_us: Mapping[bytes, int],
) -> list[Pair]:
    """Places of the frames that occur once in either copy: as many as there are in order."""
    place_of = _single_places(theirs)
    identities = [frame.identity for frame in ours]
    count = Counter(identities) if len(set(identities)) < len(identities) else {}
    shared = [
        (at, place)
        for at, (frame, identity) in enumerate(zip(ours, identities, strict=True))
        if (place := place_of.get(identity, -1)) >= 0
        and count.get(identity, 1) == 1
        and identity not in repeated_us
        and abs(theirs[place].time_us - frame.time_us) <= LONGEST_OFFSET_US
    ]
    if known_offset_us is not None:
        shared = _without_remnants(shared, ours, theirs, known_offset_us, repeated_us)
    return _longest_rising(shared)


def _without_remnants(
    shared: list[Pair],
    ours: Sequence[Timed],
    theirs: Sequence[Timed],
    offset_us: int,
    repeated_us: Mapping[bytes, int],
) -> list[Pair]:
    """Leave out repeated pictures of which holes have left one to each copy, of other moments."""

    def is_near(pair: Pair) -> bool:
        distance_us = theirs[pair[1]].time_us - ours[pair[0]].time_us - offset_us
        return abs(distance_us) <= TWIN_US

    if all(map(is_near, shared)):
        return shared
    repeated = [_when_repeated_us(ours, repeated_us), _when_repeated_us(theirs, repeated_us)]

    def is_amid_repeated(pair: Pair) -> bool:
        times = ours[pair[0]].time_us, theirs[pair[1]].time_us
        return any(
            bisect_left(known, time_us - REPEATING_US) < bisect_left(known, time_us + REPEATING_US)
            for known, time_us in zip(repeated, times, strict=True)
        )

    return [pair for pair in shared if is_near(pair) or not is_amid_repeated(pair)]


def _when_repeated_us(frames: Sequence[Timed], repeated_us: Mapping[bytes, int]) -> list[int]:
    """When there are frames that a copy has more than once, this one or another."""
    count = Counter(frame.identity for frame in frames)
    return sorted(
        frame.time_us
        for frame in frames
        if count[frame.identity] > 1 or frame.identity in repeated_us
    )


def _longest_rising(pairs: list[Pair]) -> list[Pair]:
    """The longest choice of pairs, ascending in their firsts, that ascends in their seconds too."""
    if all(before[1] < after[1] for before, after in pairwise(pairs)):
        return pairs
    ends: list[int] = []
    end_of: list[int] = []
    before: list[int] = []
    for number, (_, place) in enumerate(pairs):
        length = bisect_left(ends, place)
        before.append(end_of[length - 1] if length else -1)
        if length == len(ends):
            ends.append(place)
            end_of.append(number)
        else:
            ends[length] = place
            end_of[length] = number
    chosen: list[Pair] = []
    number = end_of[-1]
    while number >= 0:
        chosen.append(pairs[number])
        number = before[number]
    chosen.reverse()
    return chosen


def _places(frames: Sequence[Timed]) -> dict[bytes, list[int]]:
    places: dict[bytes, list[int]] = defaultdict(list)
    for at, frame in enumerate(frames):
        places[frame.identity].append(at)
    return places


def _single_places(frames: Sequence[Timed]) -> dict[bytes, int]:
    """Where each picture is that occurs once; negative for the others."""
    identities = [frame.identity for frame in frames]
    single = dict(zip(identities, range(len(frames)), strict=True))
    if len(single) < len(frames):
        single |= {identity: -1 for identity, times in Counter(identities).items() if times > 1}
    return single


def _reaches(
    frames: Sequence[Timed], places: Mapping[bytes, Sequence[int]], known_us: Mapping[bytes, int]
) -> list[int]:
    """For each frame, half the time to the nearest repetition of it: up to there it is meant."""
    reaches = [known_us.get(frame.identity, TWIN_US) for frame in frames]
    for repeated in places.values():
        for at, following in pairwise(repeated):
            reach_us = abs(frames[following].time_us - frames[at].time_us) // 2
            reaches[at] = min(reaches[at], reach_us)
            reaches[following] = min(reaches[following], reach_us)
    return reaches


def _merge_two(ours: Sequence[Frame], theirs: Sequence[Frame]) -> list[Frame]:
    pairs = twins(ours, theirs)
    offset = theirs[pairs[0][1]].time_us - ours[pairs[0][0]].time_us if pairs else 0
    merged: list[Frame] = []
    our_place = their_place = 0
    for our_twin, their_twin in [*pairs, (len(ours), len(theirs))]:
        merged += _interleave(ours[our_place:our_twin], theirs[their_place:their_twin], offset)
        if our_twin < len(ours):
            merged.append(ours[our_twin])
            offset = theirs[their_twin].time_us - ours[our_twin].time_us
        our_place, their_place = our_twin + 1, their_twin + 1
    return merged


def _interleave(ours: Sequence[Frame], theirs: Sequence[Frame], offset: int) -> list[Frame]:
    """Order what only one copy has, between two twins, by time."""
    shifted = [frame._replace(time_us=frame.time_us - offset) for frame in theirs]
    return list(heap_merge(ours, shifted, key=lambda frame: frame.time_us))
