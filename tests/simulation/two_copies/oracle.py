"""What must hold, judged from deliveries, faults and disks alone: no decision of the product's.

A picture that a recorder got is *owed* until the end of the run: it must be whole on a disk that is
not destroyed, or in the memory of a process that lives. Three losses are excused, each because
of a fault, and counted:

- `one_recorder`: only the failed node ever got the picture from the camera. A camera that reached
  one of two recorders, and a fault of that one, are two faults.
- `beyond_window`: it is older than the window, and the failed disk held the only copy.
- `asked_before`: it is older than the window; the question that let the other copy go was asked
  before the disk failed, answered in time, and the copy dropped right after the answer.

Whatever else is lost is a violation, whoever lost it.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from tests.simulation.two_copies.disk import Picture
from tests.simulation.two_copies.events import SECOND, Queue

ANSWER_DEADLINE_US = 30 * SECOND
"""What two-copies.md and the product say; written here once more, to be held against it."""

DROPPING_US = SECOND // 2
"""A verdict that is given in time is carried out by a transaction that takes this long at most."""


class ViolationError(AssertionError):
    """A guarantee was broken.

    Attributes:
        rule: which.
    """

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(f"{rule}: {message}")
        self.rule = rule


class Oracle:
    """Told of every delivery, promise, drop and fault.

    Args:
        queue: for the time.
        holders: the nodes on which a picture is whole now.
        windows_us: by camera; None for the whole retention.
    """

    def __init__(
        self,
        queue: Queue,
        holders: Callable[[Picture], list[str]],
        windows_us: Mapping[str, int | None],
    ) -> None:
        self._queue = queue
        self._holders = holders
        self._windows_us = windows_us
        self.delivered: dict[Picture, set[str]] = defaultdict(set)
        self.owed: set[Picture] = set()
        self.excused: Counter[str] = Counter()
        self.primaries: dict[tuple[str, int], str] = {}
        """Who was primary, by camera and generation, as committed."""
        self.promised_by: dict[str, set[Picture]] = defaultdict(set)
        self._asked: dict[tuple[str, Picture], int] = {}
        """Until when an answer may let a picture go, by the node that was asked."""
        self._racing: dict[Picture, int] = {}

    def delivers(self, picture: Picture, node: str) -> None:
        self.delivered[picture].add(node)
        self.owed.add(picture)

    def asks(self, asker: str, asked: str, pictures: Iterable[Picture]) -> None:
        until_us = self._queue.now_us + ANSWER_DEADLINE_US + DROPPING_US
        self._asked |= {(asked, picture): until_us for picture in pictures}

    def promises(self, node: str, generation: int, pictures: Sequence[Picture]) -> None:
        primary = self.primaries[pictures[0].camera, generation]
        if node != primary:
            raise ViolationError("D2", f"{node} promised, and {primary} was primary")
        # What rotted between being read back and being promised is lost, and no promise holds it.
        self.promised_by[node] |= {it for it in pictures if node in self._holders(it)}

    def dropped(self, node: str, pictures: Sequence[Picture], whole: Sequence[Picture]) -> None:
        if broken := self.promised_by[node] & set(pictures):
            raise ViolationError("D4", f"{node} promised {min(broken)}, and dropped it")
        for picture in self._lost(whole):
            if self._racing.get(picture, 0) > self._queue.now_us:
                self._excuse(picture, "asked_before")
            else:
                raise ViolationError("G2", f"{node} dropped the last copy of {picture}")

    def crashed(self, node: str, volatile: Sequence[Picture]) -> None:
        for picture in self._lost(volatile):
            if self.delivered[picture] <= {node}:
                self._excuse(picture, "one_recorder")
            else:
                raise ViolationError("G2", f"the crash of {node} lost {picture}")

    def destroyed(self, node: str, pictures: Sequence[Picture]) -> None:
        """A disk or a segment is gone, and with it what was promised of it."""
        self.promised_by[node] -= set(pictures)
        for picture in pictures:
            until_us = self._asked.get((node, picture), 0)
            if self._is_beyond_window(picture) and until_us > self._queue.now_us:
                self._racing[picture] = until_us
        for picture in self._lost(pictures):
            if self._is_beyond_window(picture):
                self._excuse(picture, "beyond_window")
            elif self.delivered[picture] <= {node}:
                self._excuse(picture, "one_recorder")
            else:
                raise ViolationError("G2", f"the loss of the disk of {node} lost {picture}")

    def audit(self) -> None:
        """Every picture, not only those that something has just happened to."""
        if lost := self._lost(sorted(self.owed)):
            raise ViolationError("G2", f"nobody holds {lost[0]}, and nothing told")

    def _lost(self, pictures: Sequence[Picture]) -> list[Picture]:
        return [found for found in pictures if found in self.owed and not self._holders(found)]

    def _excuse(self, picture: Picture, reason: str) -> None:
        self.owed.discard(picture)
        self.excused[reason] += 1

    def _is_beyond_window(self, picture: Picture) -> bool:
        window_us = self._windows_us[picture.camera]
        if window_us is None:
            return False
        return picture.number * SECOND + window_us < self._queue.now_us
