"""`tandem check`: is this machine, or this cluster, fit for its work."""

import os
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import click

from tandem.archive.errors import words_of
from tandem.cli.check_text import check_lines, summary
from tandem.cli.common import echo_json, fail, json_option, line_width, settings_option
from tandem.clock import SystemClock
from tandem.node.control.client import AnswerError, AskingError, ControlClient
from tandem.node.control.protocol import VERSION
from tandem.node.home import Home
from tandem.node.preflight import ways
from tandem.node.preflight.finding import Finding, Level, unchecked, verdict
from tandem.node.preflight.machine import check_machine, check_ways
from tandem.node.preflight.packets import PORT
from tandem.node.settings import NodeSettings, read_settings
from tandem.node.toml_table import SettingsError

LISTEN_S: Final = 3_600.0
"""An hour: whoever forgets it leaves no port open for ever."""

ANY_ADDRESSES: Final = ("0.0.0.0", "::")  # noqa: S104 - until the command is ended

_COLOURS: Final = {Level.PASS: "green", Level.WARN: "yellow", Level.FAIL: "red"}


def _addresses(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    try:
        return tuple(str(ip_address(value)) for value in values)
    except ValueError as problem:
        raise click.BadParameter(f"{problem}.") from None


@click.command("check", epilog="Example: tandem check --json | jq -r '.findings[].remedy'")
@json_option
@settings_option
@click.option(
    "--listen", "listens", is_flag=True, help="answer the test packets of another machine"
)
@click.option(
    "--peer",
    "peers",
    multiple=True,
    callback=_addresses,
    metavar="ADDRESS",
    help="of a machine where `tandem check --listen` runs; may be given again",
)
def check(as_json: bool, settings_path: Path, listens: bool, peers: tuple[str, ...]) -> None:
    """Look whether this machine, or this cluster, is fit for its work.

    Tells of each check whether it passes, warns or fails, what was seen, and what to do. Nothing is
    changed; some small writes measure the disk of the store. With a node running here, all nodes
    are asked, and each line names its node; what needs one is else not checked. Run it as root:
    some facts are shown to nobody else.

    Between two machines that are to be nodes, run it with --listen on one, and with --peer on the
    other: the way between them is measured, and nothing else.

    Exit status: 0 nothing fails (there may be warnings), 1 something fails, 2 wrong usage.
    """
    if listens:
        if peers:
            raise click.UsageError("Give --listen on one machine, and --peer on the other.")
        _listen()
        return
    if peers:
        findings = check_ways(peers, SystemClock())
    else:
        findings = _findings(_settings(settings_path, as_json=as_json), as_json=as_json)
    level = verdict(findings)
    if as_json:
        echo_json(
            {
                "version": VERSION,
                "at_us": SystemClock().utc_us(),
                "verdict": level,
                "findings": [finding.document() for finding in findings],
            }
        )
    else:
        click.secho(summary(findings), fg=_COLOURS[level], bold=True)
        click.echo("\n".join(check_lines(findings, line_width(sys.stdout))))
    raise SystemExit(int(level is Level.FAIL))


def _settings(path: Path, *, as_json: bool) -> NodeSettings | None:
    """This node's settings; None: it is none yet."""
    if not os.access(path, os.F_OK):
        return None
    try:
        return read_settings(path)
    except SettingsError as problem:
        fail(str(problem), as_json=as_json)


def _listen() -> None:
    """Answer until the command is interrupted."""
    click.echo(
        f"Answering test packets at UDP port {PORT}. On the other machine: tandem check --peer"
        " ADDRESS OF THIS ONE. End this with Ctrl+C."
    )
    try:
        ways.listen(ANY_ADDRESSES, b"", SystemClock(), LISTEN_S)
    except OSError as problem:
        fail(words_of(problem), as_json=False)
    except KeyboardInterrupt:
        click.echo()


def _findings(settings: NodeSettings | None, *, as_json: bool) -> list[Finding]:
    if settings is None:
        return check_machine(None, SystemClock(), agent_runs=False)
    try:
        document = ControlClient(Home(settings.data).socket).check()
    except AnswerError as problem:
        fail(str(problem), as_json=as_json)
    except AskingError as problem:
        findings = check_machine(settings, SystemClock(), agent_runs=False)
        return [*findings, unchecked("cluster", f"No node runs here. {problem}")]
    return [Finding.read(it) for it in document["findings"]]
