"""The volumes of a node as one archive: what there is of a camera, and what may go."""

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple
from uuid import UUID

from tandem.archive.deletion import Deletion, Policy, plan_deletion
from tandem.archive.errors import ArchiveError, DiskError, VolumeError
from tandem.archive.mount import Mounted
from tandem.archive.rows import Segment

_CANDIDATES = 256
"""Of each camera and volume: more than a minute's recording ever needs to make room for."""

_LARGEST_RESERVE = 0.05
"""Share of a volume that a wish for room may cost."""


class Located(NamedTuple):
    """A segment, and the volume that has it."""

    volume_id: UUID
    segment: Segment


class Archive:
    """The volumes in service. A dead one is bypassed: the others record and answer.

    Attributes:
        volumes: by id, bypassed ones included.
        bypassed: why a volume is not used, by its id.
        unplanned: why nothing could be planned for a volume the last time, by its id.
    """

    def __init__(self, volumes: Iterable[Mounted]) -> None:
        self.volumes = {mounted.volume_id: mounted for mounted in volumes}
        self.bypassed: dict[UUID, str] = {}
        self.unplanned: dict[UUID, str] = {}

    def bypass(self, volume_id: UUID, reason: str) -> None:
        """Use a volume no more until it is mounted anew; the first reason stays."""
        self.bypassed.setdefault(volume_id, reason)

    def healthy(self) -> list[Mounted]:
        """The volumes in use, in the order of their ids; one that does not answer is bypassed."""
        for volume_id, mounted in self.volumes.items():
            if volume_id not in self.bypassed:
                try:
                    mounted.volume.check_present()
                except (VolumeError, DiskError) as error:
                    self.bypass(volume_id, str(error))
        return [self.volumes[key] for key in sorted(self.volumes) if key not in self.bypassed]

    def segments(self, camera_id: str, from_us: int, to_us: int) -> list[Located]:
        """What there is of a camera in [from_us, to_us), over all volumes in use, by time."""
        found: list[Located] = []
        for mounted in self.healthy():
            try:
                rows = mounted.reader.segments(camera_id, from_us, to_us)
            except ArchiveError as error:
                self.bypass(mounted.volume_id, str(error))
            else:
                found.extend(Located(mounted.volume_id, row) for row in rows)
        return sorted(found, key=lambda one: (one.segment.start_us, one.segment.segment_id))

    def recorded_until_us(self, key: tuple[str, str]) -> int | None:
        """Up to when a stream is recorded; None if it never was, or no volume can tell.

        Args:
            key: camera id and stream name.
        """
        ends: list[int] = []
        for mounted in self.healthy():
            with suppress(ArchiveError):
                end_us = mounted.reader.last_end_us(*key)
                ends += [] if end_us is None else [end_us]
        return max(ends, default=None)

    def plan_deletion(self, now_us: int | None, policy: Policy) -> Mapping[UUID, list[Deletion]]:
        """What to delete from each volume in use; a camera's share is that of the whole node.

        Args:
            now_us: see `deletion.plan_deletion`.
            policy: `held_bytes` is filled in here; `wanted_bytes` is made on each volume, or a
                twentieth of it where it is small.
        """
        self.unplanned = {}
        held: Counter[str] = Counter()
        asked: list[Mounted] = []
        for mounted in self.healthy():
            try:
                held.update(mounted.reader.held_bytes())
                asked.append(mounted)
            except ArchiveError as problem:
                self.unplanned[mounted.volume_id] = str(problem)
        plans: dict[UUID, list[Deletion]] = {}
        for mounted in asked:
            try:
                plans[mounted.volume_id] = self._plan_one(mounted, now_us, policy, held)
            except ArchiveError as problem:
                self.unplanned[mounted.volume_id] = str(problem)
        return plans

    def _plan_one(
        self, mounted: Mounted, now_us: int | None, policy: Policy, held: Counter[str]
    ) -> list[Deletion]:
        space = mounted.space()
        wanted_bytes = min(policy.wanted_bytes, int(space.capacity_bytes * _LARGEST_RESERVE))
        plan = plan_deletion(
            mounted.reader.deletable(_CANDIDATES),
            space,
            now_us,
            replace(policy, held_bytes=held, wanted_bytes=wanted_bytes),
        )
        for deletion in plan:
            held[deletion.segment.camera_id] -= deletion.segment.durable_bytes
        return plan
