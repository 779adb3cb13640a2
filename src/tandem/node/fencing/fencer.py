"""The hands of the exclusive engine that fence: who is fenced by what, and one attempt at a time.

When to fence, whom, and when to try again is the engine's (`cluster/exclusive/fencing`, P1 to P3):
here each attempt is made once, level after level.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tandem.clock import Clock
from tandem.cluster.document import StoredValueError
from tandem.cluster.exclusive.events import Fence, Fenced, FencingFailed
from tandem.node.fencing.agent import DIRECTORIES
from tandem.node.fencing.definition import Action, Fencing
from tandem.node.fencing.device import NotConfirmedError, OpenDevice, switch_off, switch_on
from tandem.node.fencing.sealing import SecretBox, SecretError

log = logging.getLogger(__name__)

MOST_SWITCHED_ON: Final = 64
"""Nodes that wait to be switched on again."""

Level = tuple[OpenDevice, ...]
Levels = tuple[Level, ...]


class Fencer:
    """Has nodes switched off by their fence devices.

    Everything it needs is in memory, secrets included: when it is needed, the store may be down.

    Args:
        box: opens what the store holds.
        clock: CLOCK_BOOTTIME.
        directories: where agents are.

    Attributes:
        problems: of definitions that cannot be used, a sentence each.
    """

    def __init__(
        self, box: SecretBox, clock: Clock, directories: Sequence[Path] = DIRECTORIES
    ) -> None:
        self.problems: tuple[str, ...] = ()
        self._box, self._clock, self._directories = box, clock, directories
        self._levels: dict[str, Levels] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._outcomes: dict[str, Fenced | FencingFailed] = {}
        self._to_switch_on: asyncio.Queue[tuple[str, Level]] = asyncio.Queue(MOST_SWITCHED_ON)

    @property
    def nodes(self) -> frozenset[str]:
        """Nodes that can be fenced."""
        return frozenset(self._levels)

    def take(self, stored: Mapping[str, bytes]) -> None:
        """Take what the store holds now under `fencing/`.

        A definition that cannot be used leaves its node without fencing, rather than with an
        earlier one: that may name a power supply which feeds another machine by now.

        Args:
            stored: by node.
        """
        levels, problems = {}, []
        for node_id, data in stored.items():
            try:
                levels[node_id] = open_levels(Fencing.decode(node_id, data), self._box)
            except (StoredValueError, SecretError) as problem:
                problems.append(str(problem))
        self._levels, self.problems = levels, tuple(problems)

    async def fence(self, effect: Fence) -> Fenced | FencingFailed:
        """Have a node switched off, and say whether that is certain.

        Asked again for the same eviction meanwhile, it answers with what comes of that attempt.
        Asked for a later one, it begins anew when that has ended: what was confirmed for an earlier
        eviction tells nothing of it (P2).
        """
        turn = self._turns.setdefault(effect.node_id, asyncio.Lock())
        has_waited = turn.locked()
        async with turn:
            last = self._outcomes.get(effect.node_id)
            if has_waited and last is not None and last.epoch == effect.epoch:
                return last
            outcome = self._outcomes[effect.node_id] = await self._attempt(effect)
            return outcome

    async def run(self) -> None:
        """Switch on again what is to be rebooted, after it was confirmed off. Until cancelled."""
        while True:
            node_id, level = await self._to_switch_on.get()
            for it in level:
                try:
                    await switch_on(it, self._directories)
                except NotConfirmedError as problem:
                    log.warning("node %s was fenced and stays off: %s", node_id, problem)

    async def _attempt(self, effect: Fence) -> Fenced | FencingFailed:
        node_id, reasons = effect.node_id, []
        levels = self._levels.get(node_id, ())
        for number, level in enumerate(levels, 1):
            try:
                await switch_off(level, self._directories, self._clock)
            except NotConfirmedError as problem:
                reasons.append(f"level {number}: {problem}" if len(levels) > 1 else str(problem))
                continue
            log.warning("node %s is off: confirmed by %s", node_id, _names(level))
            self._note_reboot(node_id, level)
            return Fenced(node_id, effect.epoch)
        why = " ".join(reasons) or "no fence device is entered for it (`tandem fence add`)."
        return FencingFailed(node_id, effect.epoch, why)

    def _note_reboot(self, node_id: str, level: Level) -> None:
        again = tuple(it for it in level if it.device.action is Action.REBOOT)
        if again and not self._to_switch_on.full():
            self._to_switch_on.put_nowait((node_id, again))


def open_levels(fencing: Fencing, box: SecretBox) -> Levels:
    """All devices of a node with their secrets.

    Raises:
        SecretError: one of them cannot be opened.
    """
    return tuple(
        tuple(OpenDevice(device, box.open(fencing.node_id, device)) for device in level)
        for level in fencing.levels
    )


def _names(level: Level) -> str:
    return " and ".join(it.name for it in level)
