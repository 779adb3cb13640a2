"""What the conformance suite needs of a kind: where it runs for real, and the truth about it.

A kind brings a `make(tmp_path)` in `tests/resources/<kind>/bench.py`, and is listed in
`test_conformance.py`. What a bench says about the world comes from the world, never from the kind.
"""

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from tandem.clock import Clock
from tandem.resources.kind import Grip, Place, Resource


class Bench(Protocol):
    """One resource that does not run yet, and the machine that it will run on."""

    @property
    def clock(self) -> Clock: ...

    def resource(self) -> Resource:
        """A new hold of it, as that of an agent that has just begun."""
        ...

    def grip(self) -> Grip:
        """A new grip, as that of a pulse that has just begun."""
        ...

    def runs(self) -> bool:
        """Whether anything of it runs at this instant; found out without the kind."""
        ...

    async def run_without_us(self) -> None:
        """Start it as a stranger would: by hand, at boot."""
        ...

    async def pass_time(self, until_us: int) -> None:
        """Come back when the clock shows this, or later."""
        ...

    def hindered(self) -> AbstractAsyncContextManager[None]:
        """While it lasts, nothing that runs can be ended."""
        ...


@dataclass
class RealTime:
    """The part of a bench whose clock nobody sets."""

    place: Place

    @property
    def clock(self) -> Clock:
        return self.place.clock

    async def pass_time(self, until_us: int) -> None:
        while (left_us := until_us - self.clock.boot_us()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left_us / 1_000_000)
