"""What plans were made from, kept on this node's disk to be repeated: `tandem decisions replay`.

Planning never waits for it, and never fails by it: what comes while the last one is being written
waits in a short line, and the oldest of a longer one is left out. The directory is bounded in files
and bytes; the newest is always kept.
"""

import asyncio
import gzip
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Final

from tandem.archive.errors import words_of
from tandem.clock import Clock
from tandem.cluster.placement import Plan as CameraPlan
from tandem.cluster.plan.planner import Plan
from tandem.cluster.plan.render import render, render_cameras
from tandem.cluster.plan.saved import (
    CAMERAS,
    RESOURCES,
    CameraInput,
    Decision,
    Input,
    ResourceInput,
)
from tandem.node.secret_file import write_secret

log = logging.getLogger(__name__)

MOST_FILES: Final = 200

MOST_BYTES: Final = 64 << 20
"""Some hundred plans of ten thousand cameras, or as many as `MOST_FILES` of a few."""

MOST_WAITING: Final = 4

_SUFFIX: Final = ".json.gz"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Made:
    made_from: Input
    plan: CameraPlan | Plan
    at_us: int

    @property
    def of(self) -> str:
        """What was planned, as files are named by it."""
        return CAMERAS if isinstance(self.made_from, CameraInput) else RESOURCES

    def outcome(self) -> tuple[str, ...]:
        """The plan as text."""
        if isinstance(self.plan, CameraPlan):
            return tuple(render_cameras(self.plan))
        now_us = self.made_from.view.now_us if isinstance(self.made_from, ResourceInput) else 0
        return tuple(render(self.plan, now_us))


class Decisions:
    """The decisions of this node.

    Args:
        directory: where they are kept; it is made if it is not there.
        node_id: this node.
        clock: of this node.
        most_files: that are kept.
        most_bytes: of all of them together, but for the newest.
    """

    def __init__(
        self,
        directory: Path,
        node_id: str,
        clock: Clock,
        most_files: int = MOST_FILES,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._directory = directory
        self._node_id = node_id
        self._clock = clock
        self._most_files, self._most_bytes = most_files, most_bytes
        self._waiting: deque[_Made] = deque(maxlen=MOST_WAITING)
        self._has_some = asyncio.Event()
        self._last: Input | None = None
        self._problem = ""

    def note(self, made_from: Input, plan: CameraPlan | Plan) -> None:
        """Have a plan saved, soon. A plan that is made again from the same is not saved again."""
        if made_from == self._last:
            return
        self._last = made_from
        self._waiting.append(_Made(made_from, plan, self._clock.utc_us()))
        self._has_some.set()

    async def run(self) -> None:
        """Save until cancelled."""
        while True:
            await self._has_some.wait()
            self._has_some.clear()
            while self._waiting:
                await self._save_one(self._waiting.popleft())

    async def _save_one(self, made: _Made) -> None:
        try:
            await asyncio.to_thread(self._save, made)
        except OSError as problem:
            self._tell(f"{self._directory}: {words_of(problem)}")
        else:
            self._tell("")

    def _tell(self, problem: str) -> None:
        """Once when it begins, and when it ends: a full disk refuses each of them."""
        if problem and not self._problem:
            log.warning("what plans are made from cannot be saved; planning goes on: %s", problem)
        elif self._problem and not problem:
            log.info("what plans are made from is saved again")
        self._problem = problem

    def _save(self, made: _Made) -> None:
        decision = Decision(
            made.made_from, made.outcome(), version("tandem-video"), self._node_id, made.at_us
        )
        self._directory.mkdir(mode=0o700, exist_ok=True)
        saved = self._saved()
        number = int(saved[-1].name.partition("-")[0]) + 1 if saved else 1
        moment = f"{_EPOCH + timedelta(microseconds=made.at_us):%Y%m%dT%H%M%SZ}"
        path = self._directory / f"{number:08}-{made.of}-{moment}{_SUFFIX}"
        write_secret(path, gzip.compress(decision.encode(), compresslevel=6, mtime=0))
        self._prune()

    def _saved(self) -> list[Path]:
        """The oldest first, by number: a clock may have been set back."""
        return sorted(
            path
            for path in self._directory.glob(f"*-*-*{_SUFFIX}")
            if path.name.partition("-")[0].isdecimal()
        )

    def _prune(self) -> None:
        for torn in self._directory.glob(".*.new"):
            torn.unlink(missing_ok=True)
        total_bytes = 0
        for place, path in enumerate(reversed(self._saved())):
            total_bytes += path.stat().st_size
            if place and (place >= self._most_files or total_bytes > self._most_bytes):
                path.unlink()


Note = Callable[[Input, CameraPlan | Plan], None]
"""See `Decisions.note`."""
