"""Making this node's copies whole: comparing them with other nodes', until nothing lacks.

For each order whose token is new, each stream is compared with each peer's (`comparing`), and what
lacks is fetched; then again, until one pass found nothing. Cameras take turns, a portion each. A
peer that does not answer is asked less and less often, whichever camera it is for.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final
from uuid import UUID

from tandem.archive.deletion import Retention
from tandem.archive.errors import ArchiveError
from tandem.archive.rows import Role, Segment, State
from tandem.clock import Clock
from tandem.node.archivist.client import Peers
from tandem.node.archivist.comparing import Comparison, compare, richer
from tandem.node.archivist.errors import ArchivistError, PeerLiesError, PeerUnreachableError
from tandem.node.archivist.filing import Looked
from tandem.node.archivist.healing import MOST_FETCHES, Healer
from tandem.node.archivist.holdings import Holdings
from tandem.node.archivist.orders import HealOrder
from tandem.node.archivist.view import View

log = logging.getLogger(__name__)

AGAIN_US: Final = 2_000_000
"""Between two passes of a camera that is not whole yet."""

LONGEST_US: Final = 30_000_000
"""Between two attempts at what failed again and again."""

PORTION: Final = 10
"""How many segments are fetched for one camera before the next one has its turn."""

BEGINNING_US: Final = 30_000_000
"""For how long it is waited for a recorder of this node to begin, before a copy counts as whole
that lacks nothing yet: what comes in between would lack."""

SETTLING_US: Final = 10_000_000
"""For how long a token is looked at while others record: a segment of this node that ended just now
is still called open, and the next one is not yet in the index."""

_BEFORE_US: Final = 60_000_000
"""Listed beyond what is compared: who is recording is told by rows that end there."""

_LIST_US: Final = 4 * 86_400_000_000
"""A list of more time might be too long for one answer."""

_LONGEST_WINDOW_US: Final = 366 * 86_400_000_000
"""Compared where recordings are kept as long as there is room."""

_WITHOUT_SECOND_US: Final = 600_000_000
"""Compared where no second is meant to be: what a stand-in recorded meanwhile. What is older is
fetched when that one asks for a promise (D6)."""


@dataclass(slots=True)
class _Side:
    """One peer's copy of one stream."""

    since_us: int
    looked: dict[UUID, Looked] = field(default_factory=dict)
    lies: Counter[UUID] = field(default_factory=Counter)


@dataclass(slots=True)
class _Camera:
    """How far a camera is, under one token."""

    order: HealOrder
    begun_us: int
    next_us: int
    is_whole: bool = False
    healed_until_us: int | None = None
    problem: str | None = None
    failures: int = 0
    sides: dict[tuple[str, str], _Side] = field(default_factory=dict)


@dataclass(slots=True)
class _Silent:
    """A peer that did not answer, and when it is asked again."""

    times: int
    until_us: int
    problem: str


class Reconciler:
    """Heals the cameras that are ordered.

    Args:
        holdings: what this node has.
        view: the cluster.
        peers: the other nodes.
        healer: fetches.
        clock: of this node.
        random: keeps nodes from asking in step.

    Attributes:
        waiting: segments that the present pass has yet to fetch.
    """

    def __init__(
        self,
        holdings: Holdings,
        view: View,
        peers: Peers,
        healer: Healer,
        clock: Clock,
        random: Random,
    ) -> None:
        self.waiting = 0
        self._holdings = holdings
        self._view = view
        self._peers = peers
        self._healer = healer
        self._clock = clock
        self._random = random
        self._cameras: dict[str, _Camera] = {}
        self._silent: dict[str, _Silent] = {}
        self._in_vain: set[UUID] = set()
        self._woken = asyncio.Event()

    def order(self, orders: Mapping[str, HealOrder]) -> None:
        """What is to be whole from now on; a camera whose token is known goes on as it was."""
        now_us = self._clock.boot_us()
        cameras: dict[str, _Camera] = {}
        for camera_id, order in orders.items():
            known = self._cameras.get(camera_id)
            if known is None or known.order.token != order.token:
                known = _Camera(order, now_us, now_us)
            known.order = order
            cameras[camera_id] = known
        self._cameras = cameras
        self._woken.set()

    def status(self) -> dict[str, dict[str, Any]]:
        """How far each camera is, as JSON values."""
        return {
            camera_id: {
                "token": camera.order.token,
                "whole": camera.is_whole,
                "healed_until_us": camera.healed_until_us,
                "problem": camera.problem,
            }
            for camera_id, camera in sorted(self._cameras.items())
        }

    async def run(self) -> None:
        """Make copies whole until cancelled."""
        while True:
            self._woken.clear()
            wait_us = await self.turn()
            if wait_us is None or wait_us > 0:
                try:
                    async with asyncio.timeout(None if wait_us is None else wait_us / 1e6):
                        await self._woken.wait()
                except TimeoutError:
                    continue

    async def turn(self) -> int | None:
        """Give the camera that waits longest its turn, if it is due.

        Returns:
            How long it is until the next turn, us; None if there will be none.
        """
        due = [(one.next_us, name) for name, one in self._cameras.items() if not one.is_whole]
        if not due:
            return None
        next_us, camera_id = min(due)
        wait_us = next_us - self._clock.boot_us()
        if wait_us <= 0:
            await self._pass(camera_id, self._cameras[camera_id])
        return max(0, wait_us)

    async def _pass(self, camera_id: str, camera: _Camera) -> None:
        """Compare once with each peer, and fetch a portion of what lacks."""
        problems: list[str] = []
        found: list[Comparison] = []
        fetched = 0
        for stream in camera.order.streams:
            for peer in camera.order.peers:
                try:
                    one = await self._compare(camera_id, camera, stream, peer)
                    found.append(one)
                    side = camera.sides[stream, peer]
                    rows = one.lacking[: PORTION - fetched]
                    fetched += await self._fetch(peer, side, rows, one.until_us, problems)
                except (ArchiveError, ArchivistError) as problem:
                    problems.append(str(problem))
        self.waiting = 0
        self._conclude(camera_id, camera, found, problems, fetched)

    def _conclude(
        self,
        camera_id: str,
        camera: _Camera,
        found: list[Comparison],
        problems: list[str],
        fetched: int,
    ) -> None:
        """Say how far the camera is, and when it is looked at again."""
        now_us = self._clock.boot_us()
        problem = " ".join(dict.fromkeys(problems)) or None
        if problem is not None and problem != camera.problem:
            log.warning("camera %s: this node's copy cannot be made whole: %s", camera_id, problem)
        camera.problem = problem
        camera.healed_until_us = min((one.whole_until_us for one in found), default=None)
        age_us = now_us - camera.begun_us
        camera.is_whole = not problems and all(_is_whole(one, age_us) for one in found)
        if camera.is_whole:
            log.info("camera %s: this node's copy is whole (%s)", camera_id, camera.order.token)
        camera.failures = camera.failures + 1 if problems and not fetched else 0
        delay_us = self._delay_us(camera.failures)
        camera.next_us = now_us if fetched >= PORTION else now_us + delay_us

    def _delay_us(self, failures: int) -> int:
        """How long until the next attempt: doubled with each failure, `LONGEST_US` at most."""
        delay_us = min(LONGEST_US, AGAIN_US << min(failures, 4))
        return int(delay_us * self._random.uniform(0.75, 1.0))

    async def _compare(self, camera_id: str, camera: _Camera, stream: str, peer: str) -> Comparison:
        now_us = self._clock.utc_us()
        side = camera.sides.get((stream, peer))
        if side is None:
            since_us = camera.order.since_us
            if since_us is None:
                since_us = max(0, now_us - self._window_us(camera_id))
            side = camera.sides[stream, peer] = _Side(since_us)
        side.since_us = max(side.since_us, await self._kept_since_us(camera_id, stream))
        from_us = max(0, side.since_us - _BEFORE_US)
        theirs = await self._list(peer, camera_id, stream, from_us, now_us)
        ours = await asyncio.to_thread(
            self._holdings.segments, camera_id, stream, from_us, now_us + _LIST_US
        )
        looked = {segment_id: one.until_us for segment_id, one in side.looked.items()}
        fuller: set[UUID] = set()
        if self._view.retention().get(camera_id, Retention()).window_us is None:
            fuller = await asyncio.to_thread(richer, theirs, ours) - self._in_vain
        found = compare(theirs, ours, looked, side.since_us, now_us, fuller)
        side.since_us = max(side.since_us, found.whole_until_us)  # need not be listed again
        return found

    async def _fetch(
        self,
        peer: str,
        side: _Side,
        rows: Sequence[Segment],
        until_us: int,
        problems: list[str],
    ) -> int:
        """Fetch what lacks; a segment that is not what it should be does not hold up the others.

        Args:
            peer: the node.
            side: its copy.
            rows: what of it.
            until_us: see `Healer.heal_part`.
            problems: what went wrong with single segments is added here.

        Returns:
            How many segments came.

        Raises:
            PeerUnreachableError: the peer does not answer any more.
            ArchiveError: nothing can be filed here.
        """
        came = 0
        for done, row in enumerate(rows):
            self.waiting = len(rows) - done
            if side.lies[row.segment_id] >= MOST_FETCHES:
                problems.append(
                    f"Segment {row.segment_id} of node {peer} came {MOST_FETCHES} times, and never "
                    f"as it was recorded. Check the disks of node {peer}."
                )
                continue
            looked = side.looked.get(row.segment_id)
            try:
                filed = await self._healer.heal_part(peer, row, until_us, looked)
            except (ArchiveError, ArchivistError) as problem:
                self._healer.note(problem)
                if isinstance(problem, PeerUnreachableError | ArchiveError):
                    raise
                side.lies[row.segment_id] += isinstance(problem, PeerLiesError)
                problems.append(str(problem))
            else:
                side.looked[row.segment_id] = filed.looked
                if not filed.segments and row.state is State.CLOSED:
                    self._in_vain.add(row.segment_id)
                came += 1
        return came

    async def _list(
        self, peer: str, camera_id: str, stream: str, since_us: int, now_us: int
    ) -> list[Segment]:
        """The rows of a peer, unless it was silent a moment ago."""
        silent = self._silent.get(peer)
        boot_us = self._clock.boot_us()
        if silent and boot_us < silent.until_us:
            raise PeerUnreachableError(silent.problem)
        found: dict[UUID, Segment] = {}
        try:
            for from_us in range(since_us, now_us + _LIST_US, _LIST_US):
                to_us = from_us + _LIST_US
                rows = await self._peers.segments(peer, camera_id, stream, from_us, to_us)
                found |= {row.segment_id: row for row in rows}
        except PeerUnreachableError as problem:
            times = silent.times + 1 if silent else 0
            self._silent[peer] = _Silent(times, boot_us + self._delay_us(times), str(problem))
            raise
        self._silent.pop(peer, None)
        return list(found.values())

    async def _kept_since_us(self, camera_id: str, stream: str) -> int:
        """Before it nothing is fetched; what is held for another node is the last to be deleted."""
        retention, role = self._view.retention(), self._healer.role(camera_id)
        window_us = retention.get(camera_id, Retention()).window_us
        if role is Role.SECOND and window_us is not None:
            return 0
        kept_since_us = self._holdings.kept_since_us
        return await asyncio.to_thread(kept_since_us, camera_id, stream, retention) or 0

    def _window_us(self, camera_id: str) -> int:
        """How far back a copy of this node reaches."""
        kept = self._view.retention().get(camera_id, Retention())
        if kept.window_us is not None:
            return kept.window_us or _WITHOUT_SECOND_US
        return kept.max_age_us if kept.max_age_us is not None else _LONGEST_WINDOW_US


def _is_whole(found: Comparison, age_us: int) -> bool:
    """Whether nothing lacks, nor will, as of a token of that age."""
    if found.lacking:
        return False
    if found.waits_for_us:
        return age_us >= BEGINNING_US
    return found.is_final and (age_us >= SETTLING_US or not found.is_live)
