"""`tandem node confirm-off`: the operator's word in place of fencing."""

import sys
import time
from pathlib import Path
from typing import Final

import click

from tandem.cli.common import asking, echo_json, json_option, line_width, settings_option, wrapped
from tandem.cli.fence_material import others_hear
from tandem.node.control.client import AskingError

WATCHED_S: Final = 6.0
"""A node that lives renews its session within this: 1.5 s, and once the store's failover (5 s with
the preset for wide networks)."""


@click.command("confirm-off", epilog="Example: tandem node confirm-off node2")
@click.argument("node_id", metavar="NODE")
@click.option("--yes-it-is-off", "is_sure", is_flag=True, help="do not ask for the node's name")
@json_option
@settings_option
def confirm_off(node_id: str, *, is_sure: bool, as_json: bool, settings_path: Path) -> None:
    """Give your word that NODE is off, so that what must never run twice starts elsewhere.

    Go there and see that it is off, or pull its plugs: if it runs on unseen, what it runs will run
    twice. It is watched for some seconds; one that is heard, or renews its session, is refused.

    Exit status: 0 confirmed, 1 not confirmed, 2 wrong usage.
    """
    with asking(settings_path, as_json=as_json) as client:
        before = client.session(node_id)
        if before["heard"] or others_hear(client, node_id):
            raise AskingError(f"Node '{node_id}' is heard: it is on. Nothing was confirmed.")
        if not is_sure:
            warning = (
                f"If node '{node_id}' still runs somewhere, out of sight of the others, its"
                " addresses and services will run TWICE, and data may be destroyed."
            )
            click.echo(wrapped(warning, width=line_width(sys.stderr)), err=True)
            typed = click.prompt("Type the name of the node that is off", err=True)
            if typed != node_id:
                raise AskingError("That is not its name. Nothing was confirmed.")
        pause()
        if others_hear(client, node_id):
            raise AskingError(f"Node '{node_id}' is heard: it is on. Nothing was confirmed.")
        after = client.confirm_off(node_id, before["revision"])
    if as_json:
        echo_json(after)
    else:
        click.echo(f"Node '{node_id}' counts as off (epoch {after['epoch']}).")


def pause() -> None:
    """Give a node that lives the time to renew its session."""
    time.sleep(WATCHED_S)
