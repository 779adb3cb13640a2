"""Simulated cameras for the length of a benchmark, in a process of their own."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STOP_S = 10


@dataclass(frozen=True)
class Cameras:
    """Running cameras: their addresses by number, and where they account for what they sent."""

    urls: Mapping[int, str]
    ledgers: Path
    pid: int


@contextmanager
def cameras(count: int, work: Path, cache: Path, **settings: Any) -> Iterator[Cameras]:
    """Run `count` cameras of 1080p25 at 4 Mbit/s.

    Args:
        count: how many.
        work: directory for configuration and ledgers.
        cache: directory of encoded pictures, kept between runs.
        settings: of each camera, see `tandem.lab.camera.config`.
    """
    work.mkdir(parents=True, exist_ok=True)
    config = work / "cameras.json"
    described = [{"number": number + 1, **settings} for number in range(count)]
    config.write_text(json.dumps({"version": 1, "cameras": described}))
    command = [sys.executable, "-m", "tandem.lab.camera", "--config", str(config)]
    command += ["--cache", str(cache), "--ledgers", str(work / "ledgers")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise SystemExit("the simulated cameras did not start")
            urls = {int(number): url for number, url in json.loads(line)["addresses"].items()}
            yield Cameras(urls, work / "ledgers", process.pid)
        finally:
            process.terminate()
            process.wait(STOP_S)
