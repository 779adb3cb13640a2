"""What waits for a volume's writer, and is taken back."""

from tests.recording.streams import gop, order

from tandem.recording.backlog import Backlog
from tandem.recording.volume_jobs import End, Write, size_bytes

GATE = order()


def write(number: int) -> Write:
    return Write(GATE, gop(number), begins=False)


def test_what_is_taken_back_is_what_nobody_has_taken_and_ends_stay() -> None:
    backlog = Backlog()
    first, second, third, end = write(0), write(1), write(2), End(GATE.key)
    for job in (first, second, end, third):
        backlog.put(job)
    assert backlog.take() is first
    assert backlog.recall() == [second, third]
    assert backlog.size_bytes == size_bytes(first)
    assert not backlog.is_empty
    backlog.put_back(first)
    assert [backlog.take(), backlog.take(), backlog.take()] == [first, end, None]


def test_what_is_done_takes_no_memory_any_more() -> None:
    backlog = Backlog()
    for number in range(2):
        backlog.put(write(number))
    job = backlog.take()
    assert job is not None
    backlog.done(job)
    assert backlog.size_bytes == size_bytes(write(1))


def test_who_waits_though_jobs_are_there_is_woken_by_a_nudge_that_came_before() -> None:
    backlog = Backlog()
    backlog.put(write(0))
    backlog.nudge()
    backlog.wait(1e6, for_jobs=False)
    backlog.wait(1e6, for_jobs=True)
