"""Which pictures that somebody names are held here, and by which segments. Pure.

A picture that is asked for once, and held of one moment only, is found by its identity alone,
wherever a clock has put it. Where a still scene repeats the same picture, `archive.merge` pairs
them, by order and time. So whoever asks tells the times too.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

from tandem.archive.coverage import coverage
from tandem.archive.merge import TWIN_US, Timed, twins

SEPARATE_US: Final = 10_000_000
"""Where as much was recorded here, and not one picture of it is among as many that were recorded
elsewhere, the camera encodes separately for each client."""

_JOINED_US: Final = 2_000_000
"""Pictures further apart have a hole between them."""

_EDGE_US: Final = 200_000
"""Nothing lacks this close to a picture."""


class Held(NamedTuple):
    """A segment that is held here.

    Attributes:
        segment_id: which.
        pictures: at least one; in decode order.
    """

    segment_id: UUID
    pictures: Sequence[Timed]


class Match(NamedTuple):
    """What was found.

    Attributes:
        missing: places of the pictures asked for that no segment holds.
        carrying: the segments that hold at least one.
        foreign: those of the missing ones whose time is held in another encoding.
    """

    missing: tuple[int, ...]
    carrying: frozenset[UUID]
    foreign: tuple[int, ...] = ()


def match(asked: Sequence[Timed], held: Sequence[Held]) -> Match:
    """Look for pictures.

    Args:
        asked: in decode order.
        held: in any order; may overlap in time, where one was fetched from another node.
    """
    found: set[int] = set()
    carrying: set[UUID] = set()
    once = _known_by_identity(asked, held)
    for segment_id, pictures in held:
        places = {once[one.identity] for one in pictures if one.identity in once}
        if places:
            found |= places
            carrying.add(segment_id)
    for copy in _copies(held) if len(once) < len(asked) else ():
        pictures = [picture for segment in copy for picture in segment.pictures]
        owners = [segment.segment_id for segment in copy for _ in segment.pictures]
        for at, place in twins(asked, pictures):
            found.add(at)
            carrying.add(owners[place])
    missing = tuple(at for at in range(len(asked)) if at not in found)
    return Match(missing, frozenset(carrying))


def foreign(asked: Sequence[Timed], missing: Sequence[int], held: Sequence[Held]) -> list[int]:
    """Tell what is missing for good, since it is held in another encoding.

    A camera that encodes separately for each client sends no two nodes the same picture.

    Args:
        asked: in decode order.
        missing: places of those that were not found, ascending.
        held: segments that were read back, those without any of the pictures asked for included.

    Returns:
        The missing ones at times that are held, where `SEPARATE_US` of them are held on end and
        none was found; else nothing.
    """
    spans = (
        (one.time_us - _EDGE_US, one.time_us + _EDGE_US)
        for segment in held
        for one in segment.pictures
    )
    covered = coverage(spans, _JOINED_US - 2 * _EDGE_US)
    starts = [span.from_us for span in covered]
    found: list[int] = []
    is_separate = False
    first = last = -2
    for place in missing:
        time_us = asked[place].time_us
        before = bisect_right(starts, time_us) - 1
        if before < 0 or time_us >= covered[before].to_us:
            continue
        found.append(place)
        if place != last + 1:
            first = place
        last = place
        is_separate |= time_us - asked[first].time_us >= SEPARATE_US
    return found if is_separate else []


def _known_by_identity(asked: Sequence[Timed], held: Sequence[Held]) -> dict[bytes, int]:
    """Where each picture is that is asked for only once, and is held of one moment only."""
    count = Counter(picture.identity for picture in asked)
    once = {one.identity: at for at, one in enumerate(asked) if count[one.identity] == 1}
    first_us: dict[bytes, int] = {}
    for segment in held:
        for identity, time_us in ((one.identity, one.time_us) for one in segment.pictures):
            if abs(time_us - first_us.setdefault(identity, time_us)) > TWIN_US:
                once.pop(identity, None)
    return once


def _copies(held: Sequence[Held]) -> list[list[Held]]:
    """Lay segments out in as few sequences as need no overlap: a copy has each picture once."""
    copies: list[list[Held]] = []
    for segment in sorted(held, key=lambda one: (one.pictures[0].time_us, one.segment_id)):
        start_us = segment.pictures[0].time_us
        for copy in copies:
            if copy[-1].pictures[-1].time_us < start_us:
                copy.append(segment)
                break
        else:
            copies.append([segment])
    return copies
