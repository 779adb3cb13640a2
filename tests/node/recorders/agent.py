"""A program that does nothing but keep recorders running, to be killed by a test.

Arguments: a volume's directory, its id. Writes the recorders' process ids, a line.
"""

import asyncio
import sys
from pathlib import Path
from uuid import UUID

from tests.node.recorders.running import CLUSTER, running, stream

from tandem.archive.space import Limits
from tandem.node.recorders.wanted import Wanted
from tandem.recording.orders import VolumeOrder


async def main() -> None:
    root, volume_id = sys.argv[1:]
    volume = VolumeOrder(Path(root), UUID(volume_id), Limits(min_free_bytes=1 << 20))
    async with running(Wanted(CLUSTER, (volume,), (stream("a"),)), count=2) as bench:
        await bench.all_speak()
        sys.stdout.write(" ".join(str(pid) for pid in bench.pids()) + "\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
