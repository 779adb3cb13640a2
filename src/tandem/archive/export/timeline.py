"""Runs of one camera to one sequence, a window of minutes at a time. Pure, but for what feeds it.

The timeline is that of the copy that is best when it begins; every other run is moved onto it by
its *lag*, which its twins tell. Who is on the timeline already stays the base until it ends, so
time does not jump when a better copy comes back. Runs that share pictures are a *strand*, whichever
was read first. One without twins lags as what its node has most of: both have their times from one
clock. But a piece that a node fetched has the times of another: so strands that would stand among
each other's pictures are put into each other's holes, see `strands`.

Pictures that a camera sends again on connecting are twins of pictures of the same node, at whatever
time: they are not doubled, and teach no lag, since it is their time that is wrong.

A window is handed out up to its horizon, and joined up to `MARGIN_US` behind it: whatever may have
a twin before the horizon has been read by then. What is behind the horizon is joined again.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from heapq import merge as heap_merge
from operator import attrgetter
from typing import NamedTuple, Protocol

from tandem.archive.export.fitting import shared_us
from tandem.archive.export.strands import JITTER_US, Strand, in_order, moved, presence, settle
from tandem.archive.export.units import Row, Unit
from tandem.archive.merge import LONGEST_OFFSET_US, TWIN_US, Pair, repetitions_us, twins

WINDOW_US = 120_000_000
"""What is joined at once: some thousands of frames of each copy."""

MARGIN_US = LONGEST_OFFSET_US + 2 * TWIN_US


class Feed(Protocol):
    """A run as the timeline reads it."""

    @property
    def video(self) -> list[Unit]:
        """Pictures that were read; what is taken is removed from the list."""

    @property
    def audio(self) -> list[Unit]:
        """Sound likewise."""

    @property
    def is_exhausted(self) -> bool:
        """There is nothing more to read."""

    @property
    def source(self) -> int:
        """Whose clock its times are of."""

    @property
    def start_us(self) -> int:
        """When it begins, by that clock."""

    def read_until(self, time_us: int) -> None:
        """Add to `video` and `audio` all that begins before a time."""


class Batch(NamedTuple):
    """What the timeline has up to a horizon, from the one before on; in decode order."""

    video: list[Row]
    audio: list[Row]
    horizon_us: int


def join(feeds: Mapping[int, Feed], ranks: Mapping[int, int]) -> Iterator[Batch]:
    """Join runs.

    Args:
        feeds: the runs, by number.
        ranks: of each run; where several begin together, the lowest is the base.

    Yields:
        Every frame of every run once, in decode order of each track.
    """
    waiting = sorted(feeds, key=lambda run: -feeds[run].start_us)
    active: list[int] = []
    sources = {run: feed.source for run, feed in feeds.items()}
    video = _Track(sources)
    audio = _Track(sources, video)
    horizon_us = 0
    while waiting or active:
        if not active:
            horizon_us = max(horizon_us, feeds[waiting[-1]].start_us)
        horizon_us += WINDOW_US
        begun: list[int] = []
        while waiting and feeds[waiting[-1]].start_us < horizon_us + MARGIN_US:
            begun.append(waiting.pop())
        active += sorted(begun, key=lambda run: (ranks[run], feeds[run].start_us))
        for run in active:
            feeds[run].read_until(horizon_us + MARGIN_US + (video.known_lag_us(run) or 0))
        yield Batch(
            video.join([(run, feeds[run].video) for run in active], horizon_us),
            audio.join([(run, feeds[run].audio) for run in active], horizon_us),
            horizon_us,
        )
        active = [run for run in active if not _is_spent(feeds[run])]


def _is_spent(feed: Feed) -> bool:
    return feed.is_exhausted and not feed.video and not feed.audio


class _Track:
    """One track of the timeline.

    Args:
        sources: whose clock each run's times are of.
        like: the track whose lags hold where this one knows none: sound lags as its pictures.
    """

    def __init__(self, sources: Mapping[int, int], like: "_Track | None" = None) -> None:
        self._sources = sources
        self._like = like
        self._lags_us: dict[int, int] = {}
        self._lags_of_sources_us: dict[int, int] = {}
        self._most: dict[int, int] = {}
        self._begun: set[int] = set()

    def known_lag_us(self, run: int) -> int | None:
        """By how much a run is later than the timeline; None where nothing tells."""
        if run in self._lags_us:
            return self._lags_us[run]
        if self._like is not None:
            return self._like.known_lag_us(run)
        return self._lags_of_sources_us.get(self._sources[run])

    def join(self, copies: Sequence[tuple[int, list[Unit]]], horizon_us: int) -> list[Row]:
        """Join what was read of each run; what is handed out is taken from the lists."""
        strands = self._find_strands({run: units for run, units in copies if units})
        rows = self._lay(strands) if strands else []
        end = next((at for at, row in enumerate(rows) if row.decode_us >= horizon_us), len(rows))
        del rows[end:]
        taken = Counter([row.run for row in rows])
        for row in rows:
            if row.others:
                taken.update(row.others)
        for run, units in copies:
            del units[: taken[run]]
            if not taken[run] and run not in self._begun:
                self._lags_us.pop(run, None)  # what is read next may tell more
        self._begun.update(taken)
        return rows

    def _find_strands(self, waiting: dict[int, list[Unit]]) -> list[Strand]:
        """Join the runs that share pictures, the first ones first."""
        strands: list[Strand] = []
        repeated_us = repetitions_us(waiting.values())
        self._most.clear()
        while waiting:
            strand = Strand([], [])
            strands.append(strand)
            has_grown = True
            while has_grown:
                has_grown = False
                held = {row.identity for row in strand.rows}
                for run, units in list(waiting.items()):
                    if strand.runs and held.isdisjoint([unit.identity for unit in units]):
                        continue
                    known_us = self.known_lag_us(run)
                    pairs = twins(strand.rows, units, known_us, repeated_us)
                    if pairs or not strand.runs:
                        strand.rows = self._add(strand.rows, run, units, pairs, known_us or 0)
                        strand.runs.append(run)
                        strand.is_fixed |= run in self._begun
                        held.update(unit.identity for unit in units)
                        del waiting[run]
                        has_grown = True
        return strands

    def _lay(self, strands: list[Strand]) -> list[Row]:
        """Put strands onto the timeline."""
        if self._like is not None:
            return list(heap_merge(*(one.rows for one in strands), key=attrgetter("decode_us")))
        for strand, late_us in zip(strands, settle(strands), strict=True):
            if late_us:
                strand.rows = moved(strand.rows, late_us)
                for run in strand.runs:
                    self._lags_us[run] -= late_us
        return in_order(strands)

    def _add(
        self, rows: list[Row], run: int, units: list[Unit], pairs: list[Pair], lag_us: int
    ) -> list[Row]:
        """Put a run into a strand; its twins are noted at the rows that are there."""
        if run not in self._lags_us:
            lag_us = self._first_lag_us(rows, run, units, pairs, lag_us)
        joined: list[Row] = []
        at = place = 0
        local_us: int | None = None
        for our_twin, their_twin in [*pairs, (len(rows), len(units))]:
            is_twin = our_twin < len(rows)
            next_us = units[their_twin].time_us - rows[our_twin].time_us if is_twin else None
            if their_twin > place:
                late_us = lag_us
                if next_us is not None and local_us in {None, next_us}:
                    late_us = next_us
                elif next_us is None and local_us is not None:
                    # Clocks seldom differ by more; what is sent again is late, and the newest.
                    is_clock = local_us - lag_us <= TWIN_US
                    if is_clock or _would_leap(rows, units, run, pairs, lag_us):
                        late_us = local_us
                theirs = _rows(units[place:their_twin], run, late_us)
                joined += _in_order(joined[-1] if joined else None, rows[at:our_twin], theirs)
            else:
                joined += rows[at:our_twin]
            if next_us is not None:
                row = rows[our_twin]
                joined.append(_with_twin(row, units[their_twin], run))
                local_us = next_us
                if next_us != lag_us and not self._is_kin(row, run):
                    lag_us = next_us
            at, place = our_twin + 1, their_twin + 1
        self._lags_us[run] = lag_us
        self._learn(self._sources[run], len(units), lag_us)
        return joined

    def _learn(self, source: int, pictures: int, lag_us: int) -> None:
        """Take the lag of a node from what it has most of: a piece that it fetched is shorter."""
        if pictures >= self._most.get(source, 0):
            self._most[source] = pictures
            self._lags_of_sources_us[source] = lag_us

    def _first_lag_us(
        self, rows: list[Row], run: int, units: list[Unit], pairs: list[Pair], otherwise_us: int
    ) -> int:
        """The lag that the first twins tell, of which none is of the same node."""
        for at, place in pairs:
            if not self._is_kin(rows[at], run):
                return units[place].time_us - rows[at].time_us
        return otherwise_us

    def _is_kin(self, row: Row, run: int) -> bool:
        """Whether a row is, or is also, of the node that wrote the run."""
        source = self._sources[run]
        return self._sources[row.run] == source or any(
            self._sources[other] == source for other in row.others
        )


def _rows(units: Sequence[Unit], run: int, late_us: int) -> list[Row]:
    return [
        Row(
            *(unit.identity, unit.time_us - late_us, unit.decode_us - late_us, unit, run, ()),
            (run,) if unit.follows_loss else (),
        )
        for unit in units
    ]


def _with_twin(row: Row, twin: Unit, run: int) -> Row:
    """A row that another run has as well.

    Of the two, what came without a loss before it is taken: the other may lack what stood before
    its slices.
    """
    identity, time_us, decode_us, unit, base, others, lossy = row
    if twin.follows_loss:
        lossy = (*lossy, run)
    elif unit.follows_loss:
        return Row(identity, time_us, decode_us, twin, run, (base, *others), lossy)
    return Row(identity, time_us, decode_us, unit, base, (*others, run), lossy)


def _would_leap(
    rows: Sequence[Row], units: Sequence[Unit], run: int, pairs: Sequence[Pair], lag_us: int
) -> bool:
    """Whether a lag would put what follows the last twin among rows, or behind some, wrongly.

    What follows it on either side shares nothing, so neither has a picture of a time that the other
    has: they must not overlap. And what goes on from its twin without a hole has no picture of
    others before it, unless the offsets of twins say that they were squeezed: those were sent
    again, and a camera may have left out what came between them and the next.

    Args:
        rows: of a strand.
        units: of another run.
        run: its number.
        pairs: their twins; at least one, and the run goes on behind the last one.
        lag_us: by how much the run would be later.
    """
    at, place = pairs[-1]
    if at + 1 == len(rows):
        return False
    from_twin = _rows(units[place:], run, lag_us)
    ours, theirs = presence(from_twin[1:]), presence(rows[at + 1 :])
    if shared_us(ours, theirs) > JITTER_US:
        return True
    goes_on = presence(from_twin)[0].to_us > ours[0].from_us
    offsets_us = [units[other].time_us - rows[our].time_us for our, other in pairs[-2:]]
    is_steady = max(offsets_us) - min(offsets_us) <= JITTER_US
    return goes_on and is_steady and theirs[0].from_us < ours[0].from_us


def _in_order(twin: Row | None, ours: list[Row], theirs: list[Row]) -> list[Row]:
    """What only one copy has, between two twins, by time.

    Where pictures are reordered, decode times behind a loss are inexact. But what goes on from the
    twin without a loss has no picture of another copy in it.
    """
    if not ours:
        return theirs
    if twin is not None and any(row.time_us != row.decode_us for row in (*ours, *theirs)):
        on = [_going_on(twin, ours), _going_on(twin, theirs)]
        if 0 in on and any(on):
            first = ours[: on[0]] + theirs[: on[1]]
            return first + _by_time(ours[on[0] :], theirs[on[1] :])
    return _by_time(ours, theirs)


def _going_on(before: Row, rows: Sequence[Row]) -> int:
    """How many rows go on from one without a loss."""
    for at, row in enumerate(rows):
        if row.shared_with(before).issubset(row.lossy):
            return at
        before = row
    return len(rows)


def _by_time(ours: list[Row], theirs: list[Row]) -> list[Row]:
    if not ours or not theirs:
        return ours or theirs
    if ours[-1].decode_us <= theirs[0].decode_us:
        return ours + theirs
    return list(heap_merge(ours, theirs, key=lambda row: row.decode_us))
