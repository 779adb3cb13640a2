"""`tandem node`: the servers of the cluster."""

from pathlib import Path

import click

from tandem.cli.common import asking, echo_json, json_option, settings_option
from tandem.cli.status_text import node_lines
from tandem.node.control.protocol import VERSION


@click.group()
def node() -> None:
    """The servers of the cluster."""


@node.command("list", epilog="Example: tandem node list --json | jq '.nodes | keys'")
@json_option
@settings_option
def list_nodes(as_json: bool, settings_path: Path) -> None:
    """List the nodes: whether they answer, their sessions, and how many cameras each records."""
    with asking(settings_path, as_json=as_json) as client:
        document = client.status()
    if as_json:
        echo_json({"version": VERSION, "nodes": document["nodes"]})
        return
    for line in node_lines(document):
        click.echo(line.removeprefix("  "))
