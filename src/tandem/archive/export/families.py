"""Which recordings are encodings of their own: a camera may encode separately for each client.

Two recordings of one encoding share nearly every picture of the time that both have. So what has
pictures for the same time, and not one of them in common, is of two encodings. Runs are compared,
not nodes: a node may have fetched from another one what was encoded for that.

That times overlap is no proof by itself, since the clocks of nodes are apart, and a piece that was
fetched to fill a hole shares nothing with what is around it. It is one where no offset of the
clocks would put the pictures of the one into the holes of the other.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial

from tandem.archive.coverage import coverage
from tandem.archive.export.fitting import fitting_shift_us, length_us, present, shared_us
from tandem.archive.export.reader import Catalogue, RunReader
from tandem.archive.export.runs import Entry, Run, find_runs
from tandem.archive.export.units import GAP_US, Unit
from tandem.archive.rows import Interval

CLOCKS_APART_US = 10_000_000
"""Much more than clocks of one cluster are apart."""

BOTH_US = 300_000
"""For how long two recordings must have other pictures of the same time: more than jitter, and than
a picture or two that the one lost and only the other has."""

ENOUGH_US = 30_000_000
"""For how long two runs are compared."""

_LONGEST_US = 3_600_000_000
"""No segment is longer by far."""

_KEPT = 16
"""Segments whose pictures are kept, since a segment is compared with several."""

Pictures = Callable[[Entry], Sequence[Unit]]


def find_families(catalogue: Catalogue, entries: Sequence[Entry]) -> list[set[int]]:
    """Sort segments into families: of each time, all that a family has is of one encoding.

    Args:
        catalogue: where to read.
        entries: all segments.

    Returns:
        Numbers of entries; each is in one family. As a rule there is but one.
    """
    pictures = lru_cache(_KEPT)(partial(_pictures, catalogue))
    encodings = _of_one_encoding(find_runs(entries), pictures)
    if not _are_separate(encodings, pictures):
        return [{entry.number for entry in entries}] if entries else []
    families: list[list[Entry]] = []
    for encoding in sorted(encodings, key=covered_us, reverse=True):
        span = _covered(encoding)
        apart = (one for one in families if shared_us(_covered(one), span) <= GAP_US)
        family = next(apart, None)
        if family is None:
            families.append(list(encoding))
        else:
            family.extend(encoding)
    return [{entry.number for entry in family} for family in families]


def covered_us(entries: Iterable[Entry]) -> int:
    """For how long some segments have pictures."""
    return length_us(_covered(entries))


def keyframe_times(
    catalogue: Catalogue, entries: Sequence[Entry], family: set[int], within: Interval
) -> list[int]:
    """When a family has keyframes: decode times, UTC us, ascending."""
    times = [
        unit.decode_us
        for entry in entries
        if entry.number in family
        and entry.segment.start_us < within.to_us
        and entry.segment.end_us > within.from_us
        for unit in _pictures(catalogue, entry)
        if unit.is_keyframe and within.from_us <= unit.decode_us < within.to_us
    ]
    return sorted(times)


def _of_one_encoding(runs: Sequence[Run], pictures: Pictures) -> list[list[Entry]]:
    """Join the runs that share a picture, whether directly or by way of others."""
    group_of = {number: [number] for number in range(len(runs))}
    for ours, one in enumerate(runs):
        for theirs in range(ours + 1, len(runs)):
            if runs[theirs].start_us >= one.entries[-1].segment.end_us:
                break
            mine, other = group_of[ours], group_of[theirs]
            if mine is not other and _share_a_picture(one, runs[theirs], pictures):
                mine += other
                group_of |= dict.fromkeys(other, mine)
    groups = {id(group): group for group in group_of.values()}
    return [[entry for at in group for entry in runs[at].entries] for group in groups.values()]


def _share_a_picture(one: Run, other: Run, pictures: Pictures) -> bool:
    compared_us = 0
    for overlap_us, our_entry, their_entry in _overlaps(one.entries, other.entries):
        our_identities = {unit.identity for unit in pictures(our_entry)}
        their_identities = {unit.identity for unit in pictures(their_entry)}
        if not our_identities.isdisjoint(their_identities):
            return True
        if our_identities and their_identities:
            compared_us += overlap_us
        if compared_us >= ENOUGH_US:
            break
    return False


def _are_separate(encodings: Sequence[Sequence[Entry]], pictures: Pictures) -> bool:
    """Whether anything proves that the camera encodes for each client."""
    encoding_of = {entry.number: at for at, one in enumerate(encodings) for entry in one}
    entries = sorted((entry for one in encodings for entry in one), key=_start_us)
    for entry in entries:
        beside: dict[int, list[Entry]] = {}
        for other in _near(entries, entry):
            if encoding_of[other.number] != encoding_of[entry.number]:
                beside.setdefault(other.source, []).append(other)
        if any(_have_other_pictures(entry, others, pictures) for others in beside.values()):
            return True
    return False


def _near(entries: Sequence[Entry], entry: Entry) -> list[Entry]:
    """Those of some segments, in the order of time, that a clock may put to the time of one."""
    from_us = entry.segment.start_us - CLOCKS_APART_US
    to_us = entry.segment.end_us + CLOCKS_APART_US
    first = bisect_left(entries, from_us - _LONGEST_US, key=_start_us)
    end = bisect_left(entries, to_us, first, key=_start_us)
    return [one for one in entries[first:end] if one.segment.end_us > from_us]


def _start_us(entry: Entry) -> int:
    return entry.segment.start_us


def _have_other_pictures(entry: Entry, beside: Sequence[Entry], pictures: Pictures) -> bool:
    """Whether a segment has pictures for a time of which others have other ones."""
    if shared_us(_covered([entry]), _covered(beside)) <= BOTH_US:
        return False
    ours = _present([entry], pictures)
    theirs = _present(beside, pictures)
    if not ours or length_us(ours) > length_us(theirs):
        return False  # then each of those is compared with what is around it
    return fitting_shift_us(ours, theirs, CLOCKS_APART_US, BOTH_US) is None


def _present(entries: Iterable[Entry], pictures: Pictures) -> list[Interval]:
    spans = [
        span
        for entry in entries
        for span in present(((unit.decode_us, unit.duration) for unit in pictures(entry)), GAP_US)
    ]
    return coverage(spans, GAP_US)


def _overlaps(ours: Sequence[Entry], theirs: Sequence[Entry]) -> list[tuple[int, Entry, Entry]]:
    """Pairs of segments of two runs that are of the same time, and for how long; longest first."""
    found: list[tuple[int, Entry, Entry]] = []
    at = place = 0
    while at < len(ours) and place < len(theirs):
        one, other = ours[at], theirs[place]
        overlap_us = min(one.segment.end_us, other.segment.end_us) - max(
            one.segment.start_us, other.segment.start_us
        )
        if overlap_us > 0:
            found.append((overlap_us, one, other))
        if one.segment.end_us <= other.segment.end_us:
            at += 1
        else:
            place += 1
    return sorted(found, key=lambda overlap: -overlap[0])


def _covered(entries: Iterable[Entry]) -> list[Interval]:
    return coverage(((one.segment.start_us, one.segment.end_us) for one in entries), GAP_US)


def _pictures(catalogue: Catalogue, entry: Entry) -> list[Unit]:
    reader = RunReader(catalogue, Run(entry.source, [entry]))
    reader.read_until(entry.segment.end_us + CLOCKS_APART_US)
    return reader.video
