"""Whether this node may believe its own clock: by the others'.

A clock that runs ahead by a month would have a month of video deleted for its age. So nothing is
old while the year cannot be right, or while this clock is far from the middle of all others.
A node that is to have others believes its clock when one of them has answered. One server alone
has nothing else to go by.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Final

from tandem.clock import Clock
from tandem.node.archivist.view import Address
from tandem.node.authority import CLOCK_RIGHT_FROM
from tandem.node.control.asking import ask_nodes

log = logging.getLogger(__name__)

COMPARE_S: Final = 60.0

TOLERANCE_US: Final = 60_000_000
"""Nothing that is kept is kept for minutes."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RIGHT_FROM_US: Final = (CLOCK_RIGHT_FROM - _EPOCH) // timedelta(microseconds=1)


def is_believable(utc_us: int, offsets_us: Sequence[int]) -> bool:
    """Whether a clock may be believed.

    Args:
        utc_us: what it says.
        offsets_us: what the clocks of other nodes say more than it does.
    """
    if utc_us < _RIGHT_FROM_US:
        return False
    return abs(median([0, *offsets_us])) <= TOLERANCE_US


class Clocks:
    """Compares this node's clock with those of the others.

    Args:
        others: the addresses of the other nodes' agents.
        tls: for asking them.
        clock: of this node.
    """

    def __init__(
        self,
        others: Callable[[], Mapping[str, Sequence[Address]]],
        tls: ssl.SSLContext,
        clock: Clock,
    ) -> None:
        self._others = others
        self._tls = tls
        self._clock = clock
        self._offsets_us: tuple[int, ...] = ()
        self._was_trusted = True

    @property
    def are_trusted(self) -> bool:
        """Whether anything may be taken for old by this node's clock."""
        if self._others() and not self._offsets_us:
            return False
        return is_believable(self._clock.utc_us(), self._offsets_us)

    async def run(self) -> None:
        """Compare until cancelled."""
        while True:
            answers = await ask_nodes(self._others(), self._tls, self._clock)
            found = [it.clock_offset_us for it in answers.values()]
            offsets_us = tuple(offset_us for offset_us in found if offset_us is not None)
            self._offsets_us = offsets_us or self._offsets_us
            if self._offsets_us:
                self._tell(is_trusted=self.are_trusted)
            await asyncio.sleep(COMPARE_S)

    def _tell(self, *, is_trusted: bool) -> None:
        if is_trusted is self._was_trusted:
            return
        self._was_trusted = is_trusted
        if is_trusted:
            log.info("this node's clock agrees with the others' again")
        else:
            log.error(
                "this node's clock is wrong: nothing is deleted for its age until it is right. See"
                " `timedatectl`, or `chronyc tracking`."
            )
