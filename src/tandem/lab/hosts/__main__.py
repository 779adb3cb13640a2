"""`python -m tandem.lab.hosts DIRECTORY COMMAND ...`: try a lab."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tandem.clock import SystemClock
from tandem.lab.hosts import Direction, Lab, LabError, Plan, VolumeFault
from tandem.lab.hosts.book import Book
from tandem.lab.hosts.commands import environment
from tandem.lab.hosts.lifetime import take_down


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one thing with a lab.

    Args:
        arguments: command line; the process's own unless given.

    Returns:
        Exit status: 0, or 1 if it could not be done. `exec` has that of what it runs.
    """
    given = _parser().parse_args(arguments)
    try:
        _do(given)
    except LabError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _do(given: argparse.Namespace) -> None:
    if given.command == "up":
        Lab.up(given.directory, Plan(nodes=given.nodes, cameras=given.cameras))
        return
    if given.command == "down":
        take_down(Book(given.directory, SystemClock()))
        return
    lab = Lab.open(given.directory)
    match given.command:
        case "status":
            sys.stdout.write(json.dumps(asdict(lab.status()), indent=2) + "\n")
        case "kill" | "start" | "freeze" | "thaw":
            getattr(lab, given.command)(given.host)
        case "cut":
            lab.cut(given.host, given.link, given.direction or tuple(Direction))
        case "heal":
            lab.heal(given.host, given.link)
        case "break":
            lab.break_volume(given.host, given.volume, VolumeFault(given.fault))
        case "repair":
            lab.repair_volume(given.host, given.volume)
        case "exec":
            argv = lab.host(given.host).command(given.argv)
            os.execvpe(argv[0], argv, environment())  # noqa: S606 - never through a shell


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tandem.lab.hosts", description=__doc__)
    parser.add_argument("directory", type=Path)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up")
    up.add_argument("--nodes", type=int, default=3)
    up.add_argument("--cameras", type=int, default=4)
    commands.add_parser("down")
    commands.add_parser("status")
    for name in ("kill", "start", "freeze", "thaw"):
        commands.add_parser(name).add_argument("host")
    cut = commands.add_parser("cut")
    cut.add_argument("host")
    cut.add_argument("--link", required=True)
    cut.add_argument("--direction", type=lambda word: [Direction(word)])
    heal = commands.add_parser("heal")
    heal.add_argument("host", nargs="?")
    heal.add_argument("--link")
    damage = commands.add_parser("break")
    damage.add_argument("host")
    damage.add_argument("volume")
    damage.add_argument("fault", choices=[each.value for each in VolumeFault])
    repair = commands.add_parser("repair")
    repair.add_argument("host")
    repair.add_argument("volume")
    run = commands.add_parser("exec")
    run.add_argument("host")
    run.add_argument("argv", nargs="+")
    return parser


if __name__ == "__main__":
    sys.exit(main())
