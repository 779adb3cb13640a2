"""`python -m tandem.lab.camera`: run simulated cameras."""

import argparse
import asyncio
import json
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tandem.clock import SystemClock
from tandem.lab.camera.config import ConfigError, read_config
from tandem.lab.camera.control import Control
from tandem.lab.camera.encode import EncodeError
from tandem.lab.camera.material import MaterialError
from tandem.lab.camera.server import CameraServer, prepare


def main(arguments: Sequence[str] | None = None) -> int:
    """Run cameras until SIGINT or SIGTERM.

    The first line of standard output, written once all cameras listen, is a JSON object
    `{"version": 1, "addresses": {"NUMBER": "rtsp://..."}}`. All else goes to standard error.

    Args:
        arguments: command line; the process's own unless given.

    Returns:
        Exit status: 0 after a signal, 2 if the cameras cannot run.
    """
    given = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    status = 0
    try:
        configs = read_config(given.config)
        reels = prepare(configs, given.cache, _tell)
        server = CameraServer(reels, configs, given.ledgers, SystemClock())
        asyncio.run(_run(server, given.control))
    except* (ConfigError, EncodeError, MaterialError, OSError) as group:
        for error in _single(group):
            _tell(str(error))
        status = 2
    return status


def _single(group: BaseExceptionGroup[Exception]) -> Iterator[Exception]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _single(error)
        else:
            yield error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tandem.lab.camera", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="the cameras, in JSON")
    parser.add_argument("--cache", type=Path, required=True, help="directory of encoded pictures")
    parser.add_argument("--ledgers", type=Path, required=True, help="directory for the ledgers")
    parser.add_argument("--control", type=Path, help="Unix socket for faults and statistics")
    return parser


async def _run(server: CameraServer, control: Path | None) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(server.run(_announce), name="cameras")]
        if control is not None:
            running.append(tasks.create_task(Control(server).run(control), name="control"))
        await stop.wait()
        for task in running:
            task.cancel()


def _announce(addresses: dict[int, str]) -> None:
    sys.stdout.write(json.dumps({"version": 1, "addresses": addresses}) + "\n")
    sys.stdout.flush()


def _tell(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


if __name__ == "__main__":
    sys.exit(main())
