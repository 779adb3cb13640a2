"""`tandem coverage` of every camera: whether two nodes have all of it again."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tandem.clock import Clock
from tandem.lab.cluster.mix import camera_id
from tandem.lab.cluster.waiting import wait_for
from tandem.lab.demo.programs import ask, at_once, span_options
from tandem.lab.hosts import Host

UNSETTLED_US: Final = 10_000_000
"""What is newer may be on its way to a disk."""

_TOLERANCE_US: Final = 100_000
_ASKING_DEADLINE_S: Final = 30.0
_STATUSES: Final = (0, 3, 4)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def whole_copies(told: Mapping[str, Any]) -> list[str]:
    """The nodes that have all of the time that was asked for.

    Args:
        told: the document of `tandem coverage --json`.
    """
    wanted = (_us(told["from"]), _us(told["to"]))
    return [copy["node_id"] for copy in told["copies"] if _covers(copy["intervals"], wanted)]


def wait_for_copies(
    host: Host, cameras: int, copies: int, from_us: int, clock: Clock, deadline_s: float
) -> None:
    """Wait until so many nodes have all of every camera.

    Args:
        host: the node that is asked.
        cameras: how many there are.
        copies: how many nodes are to have each.
        from_us: since when, UTC; up to what is settled now.
        clock: of this machine.
        deadline_s: when waiting ends.

    Raises:
        LabError: a camera is not there so many times in time, or cannot be asked for.
    """
    open_numbers = list(range(1, cameras + 1))
    span = span_options(from_us, clock.utc_us() - UNSETTLED_US)

    def copies_of(number: int) -> list[str]:
        argv = ["coverage", camera_id(number), *span]
        return whole_copies(ask(host, argv, _STATUSES, _ASKING_DEADLINE_S))

    def missing() -> str:
        found = dict(zip(open_numbers, at_once(copies_of, open_numbers), strict=True))
        open_numbers[:] = [number for number, nodes in found.items() if len(nodes) < copies]
        return ", ".join(
            f"{camera_id(number)} is whole on {' and '.join(found[number]) or 'no node'}"
            for number in open_numbers[:3]
        )

    wait_for(missing, f"{copies} nodes have all of every camera", deadline_s, clock)


def _covers(intervals: Sequence[Mapping[str, str]], wanted: tuple[int, int]) -> bool:
    if len(intervals) != 1:
        return False
    start_us, end_us = _us(intervals[0]["from"]), _us(intervals[0]["to"])
    return start_us <= wanted[0] + _TOLERANCE_US and end_us >= wanted[1] - _TOLERANCE_US


def _us(text: str) -> int:
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)
