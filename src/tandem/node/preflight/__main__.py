"""`python -m tandem.node.preflight SETTINGS`: check this node's machine, and print the findings.

A process of its own, started by the agent: a disk that hangs leaves a thread in it that nothing can
end, and measuring takes time that the agent's heartbeats need.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tandem.clock import SystemClock
from tandem.node.preflight.machine import check_machine
from tandem.node.settings import read_settings
from tandem.node.toml_table import SettingsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, and print.

    Args:
        arguments: command line; the process's own unless given.

    Returns:
        Exit status: 0 whatever was found, 2 where the settings cannot be read.
    """
    parser = argparse.ArgumentParser(prog="python -m tandem.node.preflight", description=__doc__)
    parser.add_argument("settings", type=Path)
    given = parser.parse_args(arguments)
    try:
        settings = read_settings(given.settings)
    except SettingsError as problem:
        print(problem, file=sys.stderr)  # noqa: T201 - the agent reads it
        return 2
    found = check_machine(settings, SystemClock(), agent_runs=True)
    print(json.dumps([finding.document() for finding in found]), flush=True)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
