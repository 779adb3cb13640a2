"""`Fencing`: what the pulse needs of `node.fencing`, and what there is in its place."""

import logging
from collections.abc import Mapping
from typing import Protocol

from tandem.cluster.exclusive.events import Fence, Fenced, FencingFailed

log = logging.getLogger(__name__)


class Fencing(Protocol):
    """Has other machines switched off. See `node.fencing.fencer.Fencer`."""

    @property
    def nodes(self) -> frozenset[str]:
        """Those that have a fence device."""
        ...

    def take(self, stored: Mapping[str, bytes]) -> None:
        """Take what the store holds now under `fencing/`, by node."""
        ...

    async def fence(self, effect: Fence) -> Fenced | FencingFailed:
        """Have another node switched off."""
        ...

    async def run(self) -> None:
        """What is to be done besides, until cancelled."""
        ...


def only_say(reason: str) -> None:
    """Where nothing that ends this machine is configured: the kernel's timers end what runs."""
    log.critical(
        "%s This machine should end itself, and no watchdog is configured for that. Switch it off.",
        reason,
    )
