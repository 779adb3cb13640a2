"""`tandem coverage` of every camera: whether two nodes have all of it again."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tandem.clock import Clock
from tandem.lab.cluster.mix import camera_id
from tandem.lab.cluster.plan import ClusterPlan
from tandem.lab.cluster.waiting import wait_for
from tandem.lab.demo.programs import ask, at_once, span_options
from tandem.lab.demo.verdict import moment
from tandem.lab.hosts import Host

_UNSETTLED_US: Final = 10_000_000
"""What is newer may be on its way to a disk."""

_ASKED_WITHIN_US: Final = 5_000_000
"""A second may drop what has left its window before it is asked."""

_TOLERANCE_US: Final = 100_000
_ASKING_DEADLINE_S: Final = 30.0
_STATUSES: Final = (0, 3, 4)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def lacking(told: Mapping[str, Any]) -> dict[str, list[str]]:
    """What each node lacks of the time that was asked for, as words; nothing if it has all of it.

    Args:
        told: the document of `tandem coverage --json`.
    """
    return {
        copy["node_id"]: [
            f"{moment(start_us)} - {moment(end_us)}"
            for start_us, end_us in _holes(copy["intervals"], _us(told["from"]), _us(told["to"]))
        ]
        for copy in told["copies"]
    }


def wait_for_copies(
    host: Host, plan: ClusterPlan, since_us: int, clock: Clock, deadline_s: float
) -> None:
    """Wait until as many nodes as are to have all of every camera, as far back as they keep it.

    Args:
        host: the node that is asked.
        plan: the cluster.
        since_us: when recording began, UTC.
        clock: of this machine.
        deadline_s: when waiting ends; well below the window, or waiting alone would help.

    Raises:
        LabError: a camera is not there so many times in time, or cannot be asked for.
    """
    open_numbers = list(range(1, plan.cameras + 1))

    def asked(number: int) -> dict[str, list[str]]:
        now_us = clock.utc_us()
        from_us = now_us - plan.window_s * 1_000_000 + _ASKED_WITHIN_US
        span = span_options(max(since_us, from_us), now_us - _UNSETTLED_US)
        argv = ["coverage", camera_id(number), *span]
        return lacking(ask(host, argv, _STATUSES, _ASKING_DEADLINE_S))

    def missing() -> str:
        found = dict(zip(open_numbers, at_once(asked, open_numbers), strict=True))
        open_numbers[:] = [
            number
            for number, holes in found.items()
            if list(holes.values()).count([]) < plan.copies
        ]
        if not open_numbers:
            return ""
        first = found[open_numbers[0]]
        words = [f"{node} lacks {', '.join(holes)}" for node, holes in first.items() if holes]
        return f"{len(open_numbers)} are not; of {camera_id(open_numbers[0])} {'; '.join(words)}."

    wait_for(missing, f"{plan.copies} nodes have all of every camera", deadline_s, clock)


def _holes(
    intervals: Sequence[Mapping[str, str]], from_us: int, to_us: int
) -> Iterator[tuple[int, int]]:
    """What is between and around intervals, unless it is shorter than what is told of."""
    at_us = from_us
    for interval in intervals:
        if _us(interval["from"]) > at_us + _TOLERANCE_US:
            yield at_us, _us(interval["from"])
        at_us = _us(interval["to"])
    if to_us > at_us + _TOLERANCE_US:
        yield at_us, to_us


def _us(text: str) -> int:
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)
