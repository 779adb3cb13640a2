"""`tandem check`: is this machine, or this cluster, fit for its work."""

import os
import sys
from pathlib import Path
from typing import Final

import click

from tandem.cli.check_text import check_lines, summary
from tandem.cli.common import echo_json, fail, json_option, line_width, settings_option
from tandem.clock import SystemClock
from tandem.node.control.client import AnswerError, AskingError, ControlClient
from tandem.node.control.protocol import VERSION
from tandem.node.home import Home
from tandem.node.preflight.finding import Finding, Level, unchecked, verdict
from tandem.node.preflight.machine import check_machine
from tandem.node.settings import NodeSettings, read_settings
from tandem.node.toml_table import SettingsError

_COLOURS: Final = {Level.PASS: "green", Level.WARN: "yellow", Level.FAIL: "red"}


@click.command("check", epilog="Example: tandem check --json | jq -r '.findings[].remedy'")
@json_option
@settings_option
def check(as_json: bool, settings_path: Path) -> None:
    """Look whether this machine, or this cluster, is fit for its work.

    Tells of each check whether it passes, warns or fails, what was seen, and what to do. Nothing is
    changed; some small writes measure the disk of the store. With a node running here, all nodes
    are asked, and each line names its node; what needs one is else not checked. Run it as root:
    some facts are shown to nobody else.

    Exit status: 0 nothing fails (there may be warnings), 1 something fails, 2 wrong usage.
    """
    settings = _settings(settings_path, as_json=as_json)
    findings = _findings(settings, as_json=as_json)
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
