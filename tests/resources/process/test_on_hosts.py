"""A process kept on a host of the lab, which is frozen and loses its power as a whole."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.lab.hosts.conftest import SMALL
from tests.resources.process.bench import processes_with, until

from tandem.clock import SystemClock
from tandem.lab.hosts import Lab, LabError

pytestmark = pytest.mark.lab("loop", "freezer")

CLOCK = SystemClock()

AGENT = """
import asyncio, sys
from pathlib import Path
from tandem.clock import SystemClock
from tandem.resources.control_group import own_group
from tandem.cluster.exclusive.values import Token
from tandem.resources.kind import Place
from tandem.resources.kinds import kind_called

clock = SystemClock()
word, for_us = sys.argv[1], int(sys.argv[2])
writer = 'while :; do echo "$TANDEM_TOKEN" >> /run/lines; sleep 0.01; done'
options = {"command": ["/bin/sh", "-c", writer, word], "log": "/run/writer.log"}
place = Place("n1", Path("/run/tandem"), own_group() / "resources", clock)
resource = kind_called("process").resource("writer", options, place)
until_us = clock.boot_us() + for_us
asyncio.run(resource.start(Token(1, 7), until_us, until_us))
print(until_us)
"""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab.up(tmp_path / "lab", SMALL) as lab:
        yield lab


def started(lab: Lab, word: str, for_us: int) -> int:
    """Start a writer as the host's agent would; its end."""
    return int(lab.host("node1").run([sys.executable, "-c", AGENT, word, str(for_us)]))


def size(lab: Lab) -> int:
    file = lab.host("node1").outside("/run/lines")
    return file.stat().st_size if file.exists() else 0


def written_by(lab: Lab, end_us: int) -> None:
    """Wait for a line, in vain after this instant."""
    asyncio.run(until(lambda: size(lab) or CLOCK.boot_us() > end_us, "a line, or its end"))


def test_on_a_host_that_is_frozen_past_the_deadline_nothing_is_written_after_the_thaw(
    lab: Lab, tmp_path: Path
) -> None:
    word = str(tmp_path / "word")
    for for_s in (4, 8, 16, 32, 64):  # as near a deadline as this machine, busy as it is, allows
        with suppress(LabError):
            written_by(lab, started(lab, word, for_s * 1_000_000))
        if size(lab) and processes_with(word):
            break
    lab.freeze("node1")
    before = size(lab)
    asyncio.run(until(lambda: not processes_with(word), "it is dead while it is frozen"))
    lab.thaw("node1")
    assert size(lab) == before > 0


def test_a_host_that_loses_its_power_keeps_nothing(lab: Lab, tmp_path: Path) -> None:
    word = str(tmp_path / "word")
    started(lab, word, 60_000_000)
    assert processes_with(word)
    lab.kill("node1")
    asyncio.run(until(lambda: not processes_with(word), "it is gone"))
    lab.start("node1")
    started(lab, word, 60_000_000)  # where the control groups of before still are
    assert processes_with(word)
