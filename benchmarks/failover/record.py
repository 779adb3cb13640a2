"""All trials, each a line of JSON, so that a run can be interrupted, split, and gone on with."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

from benchmarks.failover.trial import Trial

FILE: Final = Path(__file__).with_name("trials.jsonl")


def keep(trial: Trial) -> None:
    with FILE.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(trial)) + "\n")


def kept() -> Iterator[Trial]:
    if FILE.exists():
        for line in FILE.read_text("utf-8").splitlines():
            yield Trial(**json.loads(line))
