"""`tandem status`: is everything recorded, and if not, what is wrong."""

import sys
from pathlib import Path
from typing import Final

import click

from tandem.cli.common import asking, echo_json, json_option, line_width, settings_option
from tandem.cli.status_text import status_lines
from tandem.node.control.merge import Verdict

EXIT_STATUSES: Final = {Verdict.WELL: 0, Verdict.DEGRADED: 3, Verdict.UNRECORDED: 4}
_COLOURS: Final = {Verdict.WELL: "green", Verdict.DEGRADED: "yellow", Verdict.UNRECORDED: "red"}


@click.command("status", epilog="Example: tandem status --json | jq -r .verdict")
@json_option
@settings_option
def status(as_json: bool, settings_path: Path) -> None:
    """Tell whether all cameras are recorded, and if not, what is wrong and what to do.

    Asks the agent of this node, which asks the others. Times until a disk is full are estimated by
    the cameras' bit rates.

    Exit status: 0 all is well, 3 all cameras are recorded and something is broken that the next
    fault may need, 4 some camera is not recorded, 1 nobody could be asked, 2 wrong usage.
    """
    with asking(settings_path, as_json=as_json) as client:
        document = client.status()
    verdict = Verdict(document["verdict"])
    if as_json:
        echo_json(document)
    else:
        first, *rest = status_lines(document, line_width(sys.stdout))
        click.secho(first, fg=_COLOURS[verdict], bold=True)
        click.echo("\n".join(rest))
    raise SystemExit(EXIT_STATUSES[verdict])
