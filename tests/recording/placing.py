"""Disks over writers that write nothing."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from tests.recording.streams import GOP_US, T0_US, order

from tandem.archive.rows import Gap, GapCause
from tandem.archive.space import NO_CAP, Space
from tandem.recording.disks import BACKLOG_BYTES, Disks
from tandem.recording.orders import VolumeOrder
from tandem.recording.volume_jobs import Durable, Job, Write

GATE = order()
GAP = Gap("gate", "main", 1, 2, GapCause.CAMERA_UNREACHABLE, "no answer")


class Writer:
    """What `Disks` needs of a writer; remembers its jobs."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.backlog_bytes = 0
        self.patience = SimpleNamespace(hangs=False, starves=False)

    def submit(self, job: Job) -> None:
        self.jobs.append(job)

    def recall(self) -> list[Job]:
        left, self.jobs = self.jobs, []
        return left

    def written(self) -> list[tuple[int, bool]]:
        return [
            ((job.fragment.start_us - T0_US) // GOP_US, job.begins)
            for job in self.jobs
            if isinstance(job, Write)
        ]


class Bench:
    """Disks over writers that write nothing."""

    def __init__(self, count: int, memory_bytes: int = 8 * BACKLOG_BYTES) -> None:
        self.ids = [UUID(int=number) for number in range(count)]
        self.writers = {volume_id: Writer() for volume_id in self.ids}
        self.disks = Disks(memory_bytes)
        self.orders = [VolumeOrder(Path("/srv") / str(one), one, NO_CAP) for one in self.ids]
        for wanted in self.orders:
            self.disks.expect(wanted)
        for wanted in self.orders:
            self.join(wanted)

    def join(self, wanted: VolumeOrder) -> None:
        writer: Any = self.writers[wanted.volume_id]
        questions: Any = None
        self.disks.join(wanted, writer, questions)
        self.room(wanted.volume_id, 0.5)

    def room(self, volume_id: UUID, share: float) -> None:
        total = 100 << 30
        space = Space(total, NO_CAP.min_free_bytes + int(share * total), 0, NO_CAP)
        self.disks.reported(volume_id, Durable({}, space))

    def holder(self) -> UUID:
        return next(one for one in self.ids if self.writers[one].written())

    def other(self, than: UUID) -> UUID:
        return next(one for one in self.ids if one != than)
