"""A program that does nothing but keep an archivist running, to be killed by a test.

Argument: a directory. Writes the archivist's process id, a line.
"""

import asyncio
import sys
from pathlib import Path

from tests.node.archivist.running import orders_of, running
from tests.node.test_tls import Files


async def main() -> None:
    directory = Path(sys.argv[1])
    async with running(orders_of(directory, Files(directory, "ours"), "n1")) as bench:
        await bench.listens()
        sys.stdout.write(f"{bench.pid}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
