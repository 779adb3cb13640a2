"""`PulseLink`: the pulse as its agent knows it, wherever it runs."""

from collections.abc import Callable
from typing import Protocol

from tandem.node.pulse.messages import Orders, Report


class PulseEndedError(Exception):
    """The pulse has ended, or hangs: the agent ends as well, and everything is started anew."""


class PulseLink(Protocol):
    """Tells the pulse what the agent wants, and the agent what the pulse sees."""

    def order(self, orders: Orders) -> None:
        """What is wanted from now on."""
        ...

    async def run(self, tell: Callable[[Report], None]) -> None:
        """Run until cancelled; then what is exclusive here has ended in good order, if it could.

        Args:
            tell: hears each report, at once; must not block.

        Raises:
            PulseEndedError: it has ended by itself, or hangs.
        """
        ...
