"""What the kernel takes to end a process is in its deadline: nothing lives past its end."""

import asyncio
import os
import struct
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.resources.process.bench import PAUSE_S, popen
from tests.resources.process.kept import CLOCK, PYTHON, TOKEN, later, run

from tandem.resources.kind import Place, StartError
from tandem.resources.process.kind import ProcessKind

pytestmark = [pytest.mark.lab("freezer"), pytest.mark.prove, pytest.mark.timeout(1800)]

TRIALS = 30

# Writes the time to memory that outlives it, as fast as it can, and asks nobody.
LIVES = """
import mmap, os, struct, sys, time
memory = mmap.mmap(os.open(sys.argv[1], os.O_RDWR), 8)
while True:
    struct.pack_into("<Q", memory, 0, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000)
"""


def last_sign_us(file: Path) -> int:
    (last_us,) = struct.unpack("<Q", file.read_bytes())
    return int(last_us)


@pytest.mark.parametrize("busy_per_cpu", [0, 2])
def test_nothing_lives_past_its_end_however_busy_the_machine_is(
    place: Place, tmp_path: Path, busy_per_cpu: int
) -> None:
    file = tmp_path / "last"
    resource = ProcessKind().resource("w", {"command": [*PYTHON, LIVES, str(file)]}, place)

    async def lived(for_us: int) -> tuple[int, int]:
        """Its last sign of life, and the end that it was granted."""
        file.write_bytes(bytes(8))
        end_us = CLOCK.boot_us() + for_us
        try:
            await resource.start(TOKEN, end_us, end_us)
        except StartError:
            return 0, end_us
        while (await resource.health(later())).is_well:  # noqa: ASYNC110
            await asyncio.sleep(PAUSE_S)
        return last_sign_us(file), end_us

    async def play() -> None:
        for_us = 400_000
        late_us: list[int] = []
        while len(late_us) < TRIALS:
            last_us, end_us = await lived(for_us)
            await resource.stop(0, later())
            if last_us:
                late_us.append(last_us - end_us)
                for_us = max(400_000, for_us * 3 // 4)
            else:  # too busy to start in so short a time
                for_us = min(2 * for_us, 60_000_000)
        assert max(late_us) < 0, sorted(late_us)

    with ExitStack() as stack:
        for _ in range(busy_per_cpu * (os.cpu_count() or 1)):
            loop = popen([sys.executable, "-I", "-S", "-c", "while True: pass"])
            stack.enter_context(loop)
            stack.callback(loop.kill)
        run(play())
