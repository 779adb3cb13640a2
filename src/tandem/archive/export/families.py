"""Which copies are encodings of their own: a camera may encode separately for each client.

Two copies of one encoding share nearly every picture. So where two copies were recorded at the same
time for long, and not a single picture is in both, each is taken for an encoding of its own.
"""

from collections.abc import Sequence
from itertools import combinations

from tandem.archive.export.reader import Catalogue, RunReader
from tandem.archive.export.runs import Entry, Run
from tandem.archive.export.units import Unit
from tandem.archive.rows import Interval

OVERLAP_US = 10_000_000
"""For how long two copies must be of the same time to be compared: much more than clocks of one
cluster are apart, so that they would share pictures."""

ENOUGH_US = 30_000_000
"""For how long they are compared."""


def find_families(catalogue: Catalogue, entries: Sequence[Entry]) -> list[set[int]]:
    """Sort the sources into families that share their pictures.

    Args:
        catalogue: where to read.
        entries: all segments.

    Returns:
        Numbers of sources; each source that has segments is in one family.
    """
    families = [{source} for source in sorted({entry.source for entry in entries})]
    for ours, theirs in combinations([next(iter(family)) for family in families], 2):
        if _are_one_encoding(catalogue, entries, ours, theirs):
            joined = [family for family in families if family & {ours, theirs}]
            families = [family for family in families if family not in joined]
            families.append(set().union(*joined))
    return families


def keyframe_times(
    catalogue: Catalogue, entries: Sequence[Entry], sources: set[int], within: Interval
) -> list[int]:
    """When some sources have keyframes: decode times, UTC us, ascending."""
    times = [
        unit.decode_us
        for entry in entries
        if entry.source in sources
        and entry.segment.start_us < within.to_us
        and entry.segment.end_us > within.from_us
        for unit in _pictures(catalogue, entry)
        if unit.is_keyframe and within.from_us <= unit.decode_us < within.to_us
    ]
    return sorted(times)


def _are_one_encoding(
    catalogue: Catalogue, entries: Sequence[Entry], ours: int, theirs: int
) -> bool:
    """Whether two copies share a picture, or were not recorded together for long."""
    compared_us = 0
    for overlap_us, our_entry, their_entry in _overlaps(entries, ours, theirs):
        our_identities = {unit.identity for unit in _pictures(catalogue, our_entry)}
        their_identities = {unit.identity for unit in _pictures(catalogue, their_entry)}
        if our_identities & their_identities:
            return True
        if our_identities and their_identities:
            compared_us += overlap_us
        if compared_us >= ENOUGH_US:
            break
    return compared_us < OVERLAP_US


def _overlaps(entries: Sequence[Entry], ours: int, theirs: int) -> list[tuple[int, Entry, Entry]]:
    """Pairs of segments of the same time, and for how long they are; the longest first."""
    our_entries, their_entries = (
        sorted(
            (entry for entry in entries if entry.source == source),
            key=lambda entry: entry.segment.start_us,
        )
        for source in (ours, theirs)
    )
    found: list[tuple[int, Entry, Entry]] = []
    at = place = 0
    while at < len(our_entries) and place < len(their_entries):
        one, other = our_entries[at], their_entries[place]
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


def _pictures(catalogue: Catalogue, entry: Entry) -> list[Unit]:
    reader = RunReader(catalogue, Run(entry.source, [entry]))
    reader.read_until(entry.segment.end_us + OVERLAP_US)
    return reader.video
