"""What waits for a volume's writer: given by the event loop, and taken by the writer's thread.

What the thread has not taken may be taken back at any moment, however long it hangs: nothing is
ever with both.
"""

import threading
from collections import deque

from tandem.recording.volume_jobs import End, Write, size_bytes


class Backlog:
    """Jobs in their order. From any thread; no call but `wait` waits."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._jobs: deque[Write | End] = deque()
        self._is_nudged = False
        self._bytes = 0

    @property
    def size_bytes(self) -> int:
        """How much memory it takes, with what was taken and is not done."""
        return self._bytes

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._jobs

    def put(self, job: Write | End) -> None:
        """Add a job behind the others."""
        with self._changed:
            self._jobs.append(job)
            self._bytes += size_bytes(job)
            self._changed.notify()

    def nudge(self) -> None:
        """Wake who waits, for something else than a job."""
        with self._changed:
            self._is_nudged = True
            self._changed.notify()

    def wait(self, timeout_s: float, *, for_jobs: bool) -> None:
        """Wait for a nudge.

        Args:
            timeout_s: for so long.
            for_jobs: or until there is a job.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_nudged or (for_jobs and bool(self._jobs)), timeout_s
            )
            self._is_nudged = False

    def take(self) -> Write | End | None:
        """The next job, to be done; `done` or `put_back` follows."""
        with self._changed:
            return self._jobs.popleft() if self._jobs else None

    def done(self, job: Write | End) -> None:
        """A job takes no memory any more."""
        with self._changed:
            self._bytes -= size_bytes(job)

    def put_back(self, job: Write | End) -> None:
        """A job could not be done yet: it is the next again."""
        with self._changed:
            self._jobs.appendleft(job)

    def recall(self) -> list[Write]:
        """Take back what waits, to have it written elsewhere.

        Ends stay: what came before them is to be closed.
        """
        with self._changed:
            recalled = [job for job in self._jobs if isinstance(job, Write)]
            self._jobs = deque(job for job in self._jobs if isinstance(job, End))
            self._bytes -= sum(map(size_bytes, recalled))
        return recalled
