"""`Fencing`: ending other machines, and this one. Implemented by `node.fencing`."""

import logging
from typing import Protocol

log = logging.getLogger(__name__)


class Fencing(Protocol):
    """What the pulse needs of it."""

    @property
    def nodes(self) -> frozenset[str]:
        """Those that have a fence device."""
        ...

    async def fence(self, node_id: str) -> str:
        """Have another node switched off.

        Returns:
            Nothing once it is confirmed; else why it is not, as a sentence.
        """
        ...

    def end_machine(self, reason: str) -> None:
        """End this machine, now. Never waits; may return, if it could not."""
        ...


class NoFencing:
    """Where there is neither fence device nor watchdog: the kernel's timers end what runs."""

    @property
    def nodes(self) -> frozenset[str]:
        """None."""
        return frozenset()

    async def fence(self, node_id: str) -> str:
        """Say that there is nothing to do it with."""
        return f"no fence device is configured for node {node_id}"

    def end_machine(self, reason: str) -> None:
        """Say that there is nothing to do it with."""
        log.critical(
            "%s This machine should end itself, and has no means to: no watchdog is configured."
            " Switch it off.",
            reason,
        )
