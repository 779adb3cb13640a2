"""A holder that the kernel does not let go."""

import asyncio
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.resources.fake import HandClock

from tandem.cluster.exclusive.values import Token
from tandem.resources.address import ending, messages, resource
from tandem.resources.address.kind import AddressKind
from tandem.resources.kind import Place, StartError, StopUnproven

SHORT_US = 100_000


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A holder of another address that no signal ends."""

    async def told(*_: object) -> messages.Answer:
        return messages.Answer("10.7.0.99 ", "", None, is_well=False, said="")

    with subprocess.Popen(["sleep", "infinity"]) as process:
        monkeypatch.setattr(ending, "holder_pid", lambda _: process.pid)
        monkeypatch.setattr(resource, "holder_pid", lambda _: process.pid)
        monkeypatch.setattr(resource, "ask", told)
        monkeypatch.setattr(signal, "pidfd_send_signal", lambda *_: None)
        try:
            yield process.pid
        finally:
            process.kill()


def test_a_holder_that_cannot_be_killed_holds_up_neither_a_start_nor_a_stop(
    stuck: int, tmp_path: Path
) -> None:
    clock = HandClock()  # stands still: this machine may be as slow as it likes
    place = Place("n1", tmp_path, tmp_path, clock)
    address = AddressKind().resource("web", {"address": "10.7.0.100"}, place)

    async def play() -> None:
        soon_us = clock.boot_us() + SHORT_US
        async with asyncio.timeout(60):
            with pytest.raises(StartError, match=f"process {stuck}, was killed and is still there"):
                await address.start(Token(1, 5), soon_us, soon_us)
            with pytest.raises(StopUnproven):
                await AddressKind().grip("web", {"address": "10.7.0.100"}, place).kill(soon_us)

    asyncio.run(play())
