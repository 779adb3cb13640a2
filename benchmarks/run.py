"""`make bench`: all benchmarks, in one run; the results go to `docs/reference/benchmarks.md`."""

import argparse
import os
import platform
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import export, healing, heartbeats, planning, recording
from benchmarks.failover.table import TITLE as FAILOVER
from benchmarks.sections import RESULTS, kept_section

CACHE = Path(__file__).parent.parent / ".cache" / "cameras"

HEAD = """# Benchmarks

Made by `make bench`, everything in one run. The machine is shared with whatever else it does, so \
absolute times mean little: read the ratios.

"""


def machine() -> str:
    """What was measured on, in a line each."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return (
        f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit.stdout.strip()}\n"
        f"- {os.cpu_count()} cores of {model}, {memory_gib:.0f} GiB, Linux {platform.release()}, "
        f"Python {platform.python_version()}\n"
        f"- load before the run {os.getloadavg()[0]:.2f}\n"
    )


def main() -> None:
    """Run, print, keep."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--cameras", type=int, default=50, help="cameras side by side (50)")
    parser.add_argument("--most", type=int, default=200, help="cameras for Tandem alone (200)")
    parser.add_argument("--rounds", type=int, default=recording.ROUNDS, help="turns of each (5)")
    parser.add_argument("--minutes", type=int, default=10, help="length of an export (10)")
    parser.add_argument("--healed", type=int, default=5, help="minutes to heal (5)")
    given = parser.parse_args()
    about = machine()
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as work:
        place = Path(work) / "run"
        recorded = recording.section(given.cameras, given.most, given.rounds, place, CACHE)
        exported = export.section(given.minutes, Path(tempfile.mkdtemp(dir=work)))
        healed = healing.section(given.healed, Path(tempfile.mkdtemp(dir=work)))
    planned = f"{planning.section()}\n{heartbeats.section()}"
    text = f"{HEAD}{about}\n{recorded}\n{exported}\n{healed}\n{planned}\n{kept_section(FAILOVER)}"
    print(text)
    RESULTS.write_text(text)


if __name__ == "__main__":
    main()
