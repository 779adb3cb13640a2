"""A pulse in the process of whoever plays its agent."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

from tandem.clock import Clock
from tandem.node.fencing.fencer import Fencer
from tandem.node.fencing.sealing import SecretBox
from tandem.node.pulse.messages import Orders, Report
from tandem.node.pulse.pulse import Means, Pulse
from tandem.node.store.protocol import Store


class PulseHere:
    """See `PulseLink`."""

    def __init__(self, key: bytes, store: Store, clock: Clock) -> None:
        self._key, self._store, self._clock = key, store, clock
        self._orders: Orders | None = None
        self._ordered = asyncio.Event()

    def order(self, orders: Orders) -> None:
        self._orders = replace(orders, run_directory=Path(orders.data) / "run", timing="patient")
        self._ordered.set()

    async def run(self, tell: Callable[[Report], None]) -> None:
        await self._ordered.wait()
        assert self._orders

        def told(report: Report) -> bool:
            tell(report)
            return True

        means = Means(
            self._key,
            self._store,
            self._clock,
            Random(0),
            Fencer(SecretBox(self._key), self._clock),
            {},
        )
        await Pulse(self._orders, means, told).run()
