"""`tandem support`: what whoever helps has to see, in one file."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from tandem.archive.errors import words_of
from tandem.cli.common import (
    counted,
    echo_json,
    fail,
    json_option,
    line_width,
    settings_option,
    wrapped,
)
from tandem.clock import SystemClock
from tandem.node.control.client import ControlClient
from tandem.node.control.protocol import VERSION
from tandem.node.support.bundle import Entry, write_bundle
from tandem.node.support.collectors import collectors
from tandem.node.support.place import find_place
from tandem.node.support.redaction import Redactor
from tandem.node.support.secrets import camera_secrets, known_secrets

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOGINS_S = 2.0
"""For each answer of the agent to what logins there are."""


@click.command(epilog="Example: sudo tandem support --output /tmp/for-help.tar.gz")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="the file, which must not be there  [default: tandem-support-NODE-TIME.tar.gz]",
)
@json_option
@settings_option
def support(output: Path | None, *, as_json: bool, settings_path: Path) -> None:
    """Write what whoever helps has to see of this node to one file, without secrets.

    Versions, settings, status of all nodes that answer, logs, disks, network. Passwords, keys and
    tokens are taken out: those that this node knows, wherever they stand, and whatever looks like
    one. manifest.json in it says what is there. It names cameras, nodes and addresses: look
    through it before you hand it on. Needs no agent; run it as root, or it lacks what only root
    may read.

    Exit status: 0 it is written, 1 it is not, 2 wrong usage.
    """
    clock = SystemClock()
    place = find_place(settings_path)
    home = place.home
    moment = (_EPOCH + timedelta(microseconds=clock.utc_us())).strftime("%Y%m%dT%H%M%SZ")
    path = output or Path(f"tandem-support-{place.node_id}-{moment}.tar.gz")
    secrets = {
        *known_secrets(settings_path, home),
        *camera_secrets(ControlClient(home.socket, _LOGINS_S), home),
    }
    try:
        entries = write_bundle(
            path, collectors(settings_path, home, place.volumes), Redactor(secrets), clock
        )
    except OSError as problem:
        fail(f"{path} cannot be written: {words_of(problem)}.", as_json=as_json)
    if as_json:
        echo_json(_document(path, entries))
        return
    _tell(path, entries)


def _document(path: Path, entries: list[Entry]) -> dict[str, object]:
    return {
        "version": VERSION,
        "path": str(path),
        "bytes": path.stat().st_size,
        "secrets_removed": sum(entry.removed for entry in entries),
        "missing": {entry.name: entry.problem for entry in entries if entry.problem},
    }


def _tell(path: Path, entries: list[Entry]) -> None:
    there = [entry for entry in entries if not entry.problem]
    removed = counted(sum(entry.removed for entry in entries), "secret")
    told = (
        f"Wrote {path}: {counted(len(there), 'file')}, {path.stat().st_size >> 10} KiB."
        f" Taken out: {removed}. It names cameras, nodes and addresses: look through it before you"
        " hand it on."
    )
    width = line_width(sys.stdout)
    click.echo(wrapped(told, width=width))
    for entry in entries:
        if entry.problem:
            click.echo(wrapped(f"Without {entry.what}: {entry.problem}", hang="  ", width=width))
