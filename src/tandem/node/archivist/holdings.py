"""What this node holds, and the few changes that an archivist makes to it. Blocking.

Promises and the dropping of second copies exclude each other here: a verdict to drop is carried out
by rows that were read when no promise could come between (rules D4 and D5). One archivist a node
does both, so a lock in its memory is enough.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final
from uuid import UUID

from tandem.archive import cleaner
from tandem.archive.archive import Archive, Located
from tandem.archive.deletion import Policy, Reason, Retention, Stock, plan_deletion
from tandem.archive.errors import DiskFailedError
from tandem.archive.merge import LONGEST_OFFSET_US, Timed
from tandem.archive.mount import Mounted, Readable
from tandem.archive.rows import Extent, Gap, Segment, State
from tandem.archive.space import Space
from tandem.archive.volume import Volume
from tandem.node.archivist.contents import (
    Check,
    Contents,
    no_check,
    read_contents,
    read_piece,
    read_verified,
)
from tandem.node.archivist.errors import GivenUpError, UnsoundError
from tandem.node.archivist.matching import Held, Match, foreign, match
from tandem.node.archivist.messages import Inventory, Listed

log = logging.getLogger(__name__)

SHORT_BYTES: Final = 1 << 30
SHORT_SHARE: Final = 0.1
"""A volume with less room than both is kept from filling up by deleting, or soon will be: twice
what a sweep leaves free."""

_OLDEST: Final = 256
"""Among so many of a volume there is one that is held for no other node, or nothing is sure."""

_Reading = Callable[[Volume, Segment], Contents]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Pictures that are looked for.

    Attributes:
        camera_id: the camera.
        stream: which of its streams.
        pictures: at least one; in decode order.
    """

    camera_id: str
    stream: str
    pictures: Sequence[Timed]


class Holdings:
    """The volumes of this node, as its archivist uses them. From any thread.

    Args:
        archive: the volumes, mounted for this process.

    Attributes:
        changing: held while rows are changed.
        separate: cameras that were last found to encode separately for each client.
    """

    def __init__(self, archive: Archive) -> None:
        self.changing = threading.Lock()
        self.separate: set[str] = set()
        self._archive = archive

    def find(self, wanted: Wanted, check: Check = no_check) -> Match:
        """Look for pictures on healthy volumes; what counts as found was read from the disk (D3).

        The tables tell first which segments may have them, so that only those are read whole.

        Raises:
            GivenUpError: `check` says so, or a volume is being let go of.
            DiskError: an index cannot be read.
        """
        with self._archive.in_use() as volumes:
            return self._search(volumes, wanted, check)[0]

    def lacking(self, wanted: Wanted) -> tuple[int, ...]:
        """Places of the pictures that this node neither has nor is writing just now.

        Those whose time it has in another encoding are none of them.

        Raises:
            GivenUpError: a volume is being let go of.
            DiskError: an index cannot be read.
        """
        with self._archive.in_use() as volumes:
            found, sound = self._search(volumes, wanted, no_check)
            if not found.missing:
                return ()
            located = self._located(volumes, wanted, State.OPEN)
            being_written = self._read(located, read_contents)
        left = [wanted.pictures[place] for place in found.missing]
        missing = [found.missing[place] for place in match(left, being_written).missing]
        others = {*found.foreign, *foreign(wanted.pictures, missing, [*sound, *being_written])}
        return tuple(place for place in missing if place not in others)

    def segment(self, segment_id: UUID) -> Segment | None:
        """One segment that may be read; None if there is none."""
        with self._archive.readable() as volumes:
            located = self._find(volumes, segment_id)
            return located.segment if located else None

    def piece(self, segment_id: UUID, offset: int, length: int) -> bytes:
        """Read from a segment; all of `length`.

        Raises:
            UnsoundError: it is gone, or cannot be read.
        """
        with self._archive.readable() as volumes:
            located = self._find(volumes, segment_id)
            if located is None:
                raise UnsoundError(f"The segment {segment_id} is gone.")
            return read_piece(located.volume.volume, located.segment, offset, length)

    def segments(self, camera_id: str, stream: str, from_us: int, to_us: int) -> list[Segment]:
        """What this node holds of a stream over [from_us, to_us) on healthy volumes, by time.

        Raises:
            DiskFailedError: there is none.
        """
        with self._archive.in_use() as volumes:
            self._check_any(volumes)
            found = self._archive.segments(volumes, camera_id, from_us, to_us)
            return [one.segment for one in found if one.segment.stream == stream]

    def listed(self, camera_id: str, stream: str, from_us: int, to_us: int) -> Listed:
        """What can be read here of a stream over [from_us, to_us), and what cannot.

        Raises:
            DiskFailedError: no volume can be read.
        """
        with self._archive.readable() as volumes:
            self._check_any(volumes)
            found = self._archive.segments(volumes, camera_id, from_us, to_us)
        rows = tuple(one.segment for one in found if one.segment.stream == stream)
        return Listed(rows, tuple(self._archive.unreadable()))

    def gaps(self, camera_id: str, stream: str, from_us: int, to_us: int) -> list[Gap]:
        """Why there is nothing of a stream at some times of [from_us, to_us), by start."""
        with self._archive.readable() as volumes:
            found = [
                gap
                for _, gaps in self._archive.answers(
                    volumes, lambda it: it.gaps(camera_id, from_us, to_us)
                )
                for gap in gaps
                if gap.stream == stream
            ]
        return sorted(found, key=lambda gap: (gap.from_us, gap.to_us))

    def inventory(self) -> Inventory:
        """The streams that this node knows, each once, and why some volumes cannot be read."""
        joined: dict[tuple[str, str], Extent] = {}
        with self._archive.readable() as volumes:
            for _, extents in self._archive.answers(volumes, lambda it: it.extents()):
                for one in extents:
                    known = joined.get((one.camera_id, one.stream), one)
                    joined[one.camera_id, one.stream] = one._replace(
                        from_us=min(known.from_us, one.from_us), to_us=max(known.to_us, one.to_us)
                    )
        return Inventory(tuple(sorted(joined.values())), tuple(self._archive.unreadable()))

    def unpromised(
        self, camera_id: str, before_us: int, after: Segment | None, limit: int
    ) -> list[Segment]:
        """Second copies of a camera about which its primary may be asked; oldest first.

        Args:
            camera_id: the camera.
            before_us: they end before this.
            after: they come after this one; None for the oldest.
            limit: how many.

        Raises:
            DiskError: an index cannot be read.
        """
        with self._archive.in_use() as volumes:
            found = [
                row
                for mounted in volumes
                for row in mounted.reader.unpromised(camera_id, before_us, after, limit)
            ]
        return sorted(found, key=lambda row: (row.start_us, row.segment_id))[:limit]

    def read(self, segment: Segment) -> Contents:
        """The tables of a segment of this node.

        Raises:
            UnsoundError: it is gone, or its tables are not all there.
            DiskError: an index cannot be read.
        """
        with self._archive.in_use() as volumes:
            located = self._find(volumes, segment.segment_id)
            if located is None:
                raise UnsoundError(f"The segment {segment.path} is gone.")
            return read_contents(located.volume.volume, located.segment)

    def promise(self, segment_ids: Iterable[UUID], now_us: int) -> None:
        """Promise to keep segments; durable when this returns (D4).

        Each volume has a transaction of its own. Where a later one fails, what the earlier ones
        promised stays promised, and nobody is told so: it is kept for longer, and that is all.

        Raises:
            DiskError: not all of them are promised; one may be gone, or suspect by now.
        """
        left = set(segment_ids)
        with self._archive.in_use() as volumes, self.changing:
            for mounted in volumes:
                left -= mounted.index.promise(left, now_us)
        if left:
            raise DiskFailedError(f"{len(left)} segments that were just read are gone, or suspect.")

    def drop(self, confirmed: frozenset[UUID], now_us: int, policy: Policy) -> list[Segment]:
        """Delete second copies that their primary has just promised.

        The rows are read anew, and no promise of this node comes between that and their end.

        Args:
            confirmed: which; of the answers to questions that were asked just now.
            now_us: UTC.
            policy: retentions; its `confirmed` is filled in here.

        Returns:
            What is gone: never one that is promised, locked, a primary's or within its window.

        Raises:
            DiskError: what was not deleted is kept.
        """
        gone: list[Segment] = []
        policy = replace(policy, confirmed=confirmed)
        with self._archive.in_use() as volumes, self.changing:
            for mounted in volumes:
                rows = [row for each in confirmed if (row := mounted.reader.segment(each))]
                (planned,) = plan_deletion([Stock(rows, mounted.space())], now_us, policy)
                plan = [one for one in planned if one.reason is Reason.SECOND_COPY]
                if plan:
                    gone += cleaner.delete(mounted.volume, mounted.index, plan)
        return gone

    def borrow_roomiest(self) -> Mounted | None:
        """The volume with the most room, for what is fetched; None if none is healthy.

        It is not closed before it is given back to its `loans`.

        Raises:
            DiskError: one does not answer.
        """
        with self._archive.in_use() as healthy:
            found = max(healthy, key=lambda mounted: mounted.space().room_bytes, default=None)
            return found if found is not None and found.loans.take() else None

    def kept_since_us(
        self, camera_id: str, stream: str, retention: Mapping[str, Retention]
    ) -> int | None:
        """From when on recordings of this node's own stay, where older ones give way to newer ones.

        What is older would be deleted as soon as it was fetched.

        Args:
            camera_id: the camera.
            stream: which of its streams.
            retention: of all cameras.

        Returns:
            UTC; None where there is room for more.

        Raises:
            DiskError: an index or a volume does not answer.
        """
        policy = Policy(retention)
        with self._archive.in_use() as healthy:
            next_to_go: list[Segment] = []
            if all(_is_short(mounted.space()) for mounted in healthy):
                oldest = [row for mounted in healthy for row in mounted.reader.oldest(_OLDEST)]
                next_to_go += [row for row in oldest if not policy.is_held_for_another(row)]
            share_bytes = retention.get(camera_id, Retention()).max_bytes
            first = [row for it in healthy for row in it.reader.oldest_of(camera_id, stream)]
            if first and share_bytes is not None:
                held_bytes = sum(it.reader.share_bytes().get(camera_id, 0) for it in healthy)
                oldest_of_it = min(first, key=lambda row: row.start_us)
                if held_bytes + 2 * oldest_of_it.durable_bytes > share_bytes:
                    return oldest_of_it.start_us
            return min((row.start_us for row in next_to_go), default=None)

    def _search(
        self, volumes: Sequence[Mounted], wanted: Wanted, check: Check
    ) -> tuple[Match, list[Held]]:
        """What `find` finds, and the segments that were read for it."""

        def go_on() -> None:
            check()
            if leaving := [str(it.volume.root) for it in volumes if it.loans.is_over]:
                raise GivenUpError(f"{', '.join(leaving)} is being let go of. Ask again.")

        reading = partial(read_verified, check=go_on)
        located = self._located(volumes, wanted, State.CLOSED)
        tables = self._read(located, read_contents)
        likely = match(wanted.pictures, tables).carrying
        sound = self._read([one for one in located if one.segment.segment_id in likely], reading)
        found = match(wanted.pictures, sound)
        others = [one for one in tables if one.segment_id not in likely]
        if foreign(wanted.pictures, found.missing, [*sound, *others]):
            rest = [one for one in located if one.segment.segment_id not in likely]
            sound += self._read(rest, reading)
            in_vain = tuple(foreign(wanted.pictures, found.missing, sound))
            found = found._replace(foreign=in_vain)
        if found.foreign:
            self.separate.add(wanted.camera_id)
        elif not found.missing:
            self.separate.discard(wanted.camera_id)
        return found, sound

    def _located(self, volumes: Sequence[Mounted], wanted: Wanted, state: State) -> list[Located]:
        """The segments in some state that may have pictures, by their times."""
        self._check_any(volumes)
        times = [picture.time_us for picture in wanted.pictures]
        from_us, to_us = min(times) - LONGEST_OFFSET_US, max(times) + LONGEST_OFFSET_US
        return [
            one
            for one in self._archive.segments(volumes, wanted.camera_id, from_us, to_us)
            if one.segment.stream == wanted.stream and one.segment.state is state
        ]

    def _check_any(self, volumes: Sequence[Readable]) -> None:
        """Where no volume can be read, it is not known what there is: then nothing is answered."""
        if not volumes and self._archive.bypassed:
            raise DiskFailedError(
                "No volume of this node is in use: " + " ".join(self._archive.bypassed.values())
            )

    def _find(self, volumes: Sequence[Readable], segment_id: UUID) -> Located | None:
        for volume, row in self._archive.answers(volumes, lambda it: it.segment(segment_id)):
            if row is not None and row.state is not State.GARBAGE:
                return Located(volume, row)
        return None

    def _read(self, located: Sequence[Located], reading: _Reading) -> list[Held]:
        """Read segments; what is not sound is told, and counts for nothing."""
        held: list[Held] = []
        for one, segment in located:
            try:
                contents = reading(one.volume, segment)
            except UnsoundError as problem:
                log.error("%s What it lacks is fetched from the other copy.", problem)
                continue
            if contents.pictures:
                held.append(Held(segment.segment_id, contents.pictures))
        return held


def _is_short(space: Space) -> bool:
    return space.room_bytes < min(SHORT_BYTES, space.capacity_bytes * SHORT_SHARE)
