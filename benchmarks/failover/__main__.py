"""`python -m benchmarks.failover`: run the trials that are missing, and write the table."""

import argparse
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from benchmarks.failover import record, trial
from benchmarks.failover.engines import ENGINES
from benchmarks.failover.faults import FAULTS
from benchmarks.failover.site import site
from benchmarks.failover.table import TITLE, section
from benchmarks.sections import replace_section


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.failover", description=__doc__)
    parser.add_argument("--engine", choices=ENGINES, action="append", help="these alone")
    parser.add_argument("--fault", choices=FAULTS, action="append", help="these alone")
    parser.add_argument("--trials", type=int, default=10, help="of each engine and fault (10)")
    parser.add_argument("--minutes", type=float, help="begin no trial after so long")
    parser.add_argument("--table", action="store_true", help="run nothing, write the table alone")
    given = parser.parse_args()
    if not given.table:
        end_s = time.monotonic() + given.minutes * 60 if given.minutes else float("inf")
        for key in given.engine or ENGINES:
            missing = _missing(key, given.fault or FAULTS, given.trials)
            if missing and time.monotonic() < end_s:
                _run(key, missing, end_s)
    trials = list(record.kept())
    if trials:
        replace_section(TITLE, section(trials))
        print(section(trials))


def _missing(engine: str, faults: Iterable[str], wanted: int) -> list[tuple[str, int]]:
    """Which faults are to be tried yet, and the number of each trial; every fault has its turn."""
    done = Counter(it.fault for it in record.kept() if it.engine == engine)
    return sorted(
        ((fault, number) for fault in faults for number in range(done[fault], wanted)),
        key=lambda it: it[1],
    )


def _run(key: str, missing: list[tuple[str, int]], end_s: float) -> None:
    engine, commit = ENGINES[key](), _commit()
    with (
        tempfile.TemporaryDirectory(prefix="failover-", dir="/var/tmp") as work,
        site(engine, Path(work) / "lab") as one,
    ):
        said = trial.run(one, (key, "power"), FAULTS["power"], 0, commit)
        print(f"{engine.title}: warm-up, not counted: {said.outage_ms}", flush=True)
        for fault, number in missing:
            if time.monotonic() > end_s:
                return
            said = trial.run(one, (key, fault), FAULTS[fault], number, commit)
            record.keep(said)
            print(
                f"{engine.title}: {FAULTS[fault].title} {number + 1}: {said.outage_ms} ms, "
                f"mending {said.mending_ms}, twice {said.twice_ms}, {said.about}, "
                f"done in {said.doing_ms} ms",
                flush=True,
            )


def _commit() -> str:
    asked = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
