"""Which segments of a copy go on from each other without a break. Pure.

A run is what one recorder wrote of one connection: its times lie on one line, and it has no frame
twice. Between runs anything may have happened: another connection that began with pictures that
were sent before, another volume, pictures fetched from another node.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tandem.archive.rows import Segment

TOUCHING_US = 100
"""Segments of a run touch to a tick; a connection or timeline that begins anew never does: it is at
least `rtp.clock.CONTINUATION_US` behind the one before."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A segment in the catalogue of an export.

    Attributes:
        number: its place there.
        source: number of the source that has it.
        segment: its row.
    """

    number: int
    source: int
    segment: Segment


@dataclass(frozen=True, slots=True)
class Run:
    """Segments that go on from each other.

    Attributes:
        source: number of the source that has them.
        entries: at least one, in order.
    """

    source: int
    entries: Sequence[Entry]

    @property
    def start_us(self) -> int:
        """Capture time of the first sample, UTC."""
        return self.entries[0].segment.start_us


def find_runs(entries: Iterable[Entry]) -> list[Run]:
    """Chain the segments of each source; runs are in the order of their beginnings."""
    chains: dict[int, list[list[Entry]]] = {}
    for entry in sorted(entries, key=lambda one: (one.segment.start_us, one.number)):
        of_source = chains.setdefault(entry.source, [])
        for chain in of_source:
            if abs(entry.segment.start_us - chain[-1].segment.end_us) <= TOUCHING_US:
                chain.append(entry)
                break
        else:
            of_source.append([entry])
    runs = [Run(source, chain) for source, found in chains.items() for chain in found]
    return sorted(runs, key=lambda run: (run.start_us, run.source))
