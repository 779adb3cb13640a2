"""`tandem node`: the servers of the cluster."""

import time
from pathlib import Path
from typing import Any, Final

import click

from tandem.cli.common import (
    EXIT_FAILED,
    asking,
    clean,
    echo_json,
    json_option,
    settings_at,
    settings_option,
    wrapped,
)
from tandem.cli.confirm_off import confirm_off
from tandem.cli.emptying import Left, left_on, progress, reasons, touched
from tandem.cli.status_text import node_lines
from tandem.clock import SystemClock
from tandem.cluster.plan.view import Service
from tandem.node.control.client import ControlClient
from tandem.node.control.protocol import VERSION

LOOK_S: Final = 1.0

SETTLED_S: Final = 10.0
"""So long nothing may have changed before it is believed that the rest stays: a plan is made within
a second, and a copy that becomes whole is told within a few."""

PATIENCE_S: Final = 120.0
"""So long without any progress, and it is left to the administrator what to do."""


@click.group()
def node() -> None:
    """The servers of the cluster."""


node.add_command(confirm_off)


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


@node.command("invite", epilog="Example: tandem node invite")
@json_option
@settings_option
def invite(as_json: bool, settings_path: Path) -> None:
    """Let one server join within an hour: prints the command to be run there.

    What is printed is a secret: whoever has it can join. It works once.

    Exit status: 0 done, 1 could not be asked or nobody could sign, 2 wrong usage.
    """
    with asking(settings_path, as_json=as_json) as client:
        token = client.invite()
        links = [it.name for it in settings_at(settings_path).links]
    if as_json:
        echo_json({"version": VERSION, "token": token})
        return
    click.echo("On the new server, within an hour, with its own addresses and disks:")
    told = " ".join(f"--link {name}=ADDRESS" for name in links)
    click.echo(f"  sudo tandem join {token} {told} --volume PATH")


@node.command("remove", epilog="Example: tandem node remove server3")
@click.argument("node_id", metavar="NODE")
@json_option
@settings_option
def remove(node_id: str, as_json: bool, settings_path: Path) -> None:
    """Take NODE, which is lost for good, out of the cluster.

    Its cameras go to other nodes, and another node holds the store in its place. It is never
    answered again, and its name is not used again. Refused while it is there: `tandem leave`.

    Exit status: 0 done, 1 refused or could not be asked, 2 wrong usage.
    """
    with asking(settings_path, as_json=as_json) as client:
        client.remove_node(node_id)
    if as_json:
        echo_json({"version": VERSION, "node_id": node_id})
        return
    click.echo(f"Node {node_id} is no part of the cluster any more.")


_no_wait = click.option("--no-wait", is_flag=True, help="do not wait until NODE is empty")


@node.command("drain", epilog="Example: tandem node drain server2")
@click.argument("node_id", metavar="NODE")
@_no_wait
@json_option
@settings_option
def drain(node_id: str, no_wait: bool, as_json: bool, settings_path: Path) -> None:
    """Empty NODE without interrupting anything, and wait until it is empty.

    Its cameras go to other nodes, each recorded there before NODE stops; its resources follow, one
    after the other. What no other node can take stays. NODE gets nothing new until `tandem node
    resume`. What is recorded on it stays there.

    Exit status: 0 empty, 1 something stays or could not be asked, 2 wrong usage.
    """
    _empty(node_id, Service.DRAINING, settings_path, no_wait=no_wait, as_json=as_json)


@node.command("maintenance", epilog="Example: tandem node maintenance server2")
@click.argument("node_id", metavar="NODE")
@_no_wait
@json_option
@settings_option
def maintenance(node_id: str, no_wait: bool, as_json: bool, settings_path: Path) -> None:
    """Empty NODE since it will be switched off, and wait until that can be done.

    As `tandem node drain`, but what can run nowhere else is stopped. A second copy that no other
    node can take is recorded until NODE is switched off.

    Exit status: 0 it can be switched off, 1 it cannot yet or could not be asked, 2 wrong usage.
    """
    _empty(node_id, Service.MAINTENANCE, settings_path, no_wait=no_wait, as_json=as_json)


@node.command("resume", epilog="Example: tandem node resume server2")
@click.argument("node_id", metavar="NODE")
@json_option
@settings_option
def resume(node_id: str, as_json: bool, settings_path: Path) -> None:
    """Use NODE again, after `drain` or `maintenance`. It takes nothing back by itself.

    Exit status: 0 done, 1 could not be asked, 2 wrong usage.
    """
    with asking(settings_path, as_json=as_json) as client:
        client.set_service(node_id, Service.NORMAL)
    if as_json:
        echo_json({"version": VERSION, "node_id": node_id, "service": Service.NORMAL})
        return
    click.echo(f"Node {node_id} is used again: it follows, and takes what others have no room for.")


def _empty(
    node_id: str, service: Service, settings_path: Path, *, no_wait: bool, as_json: bool
) -> None:
    with asking(settings_path, as_json=as_json) as client:
        before = client.status()
        of = touched(before, node_id) if node_id in before["nodes"] else frozenset()
        client.set_service(node_id, service)
        if no_wait:
            document, left = before, Left()
        else:
            document, left = _wait(client, node_id, of, is_quiet=as_json)
    answers = (document["nodes"].get(node_id) or {}).get("status") is not None
    is_done = no_wait or left.is_nothing or (service is Service.MAINTENANCE and left.is_spare)
    if as_json:
        echo_json(
            {
                "version": VERSION,
                "node_id": node_id,
                "service": service,
                "answers": answers,
                "waited": not no_wait,
                "recorded": list(left.recorded),
                "staying": list(left.staying),
                "alone": list(left.alone),
                "copying": list(left.copying),
                "running": list(left.running),
                "pinned": list(left.pinned),
            }
        )
    else:
        _tell(node_id, service, left, document, answers=answers, no_wait=no_wait)
    if not is_done:
        raise SystemExit(EXIT_FAILED)


def _wait(
    client: ControlClient, node_id: str, of: frozenset[str], *, is_quiet: bool
) -> tuple[dict[str, Any], Left]:
    """Wait while it gets on; then say what is left."""
    clock = SystemClock()
    last, said, since_us = None, "", clock.boot_us()
    while True:
        document = client.status()
        left = left_on(document, node_id, of)
        waited_s = (clock.boot_us() - since_us) / 1e6
        if left != last:
            last, since_us, waited_s = left, clock.boot_us(), 0.0
        if left.is_nothing or waited_s >= (SETTLED_S if left.is_settled else PATIENCE_S):
            return document, left
        now = progress(left, node_id)
        if now and now != said and not is_quiet:
            click.echo(f"{now} ...", err=True)
            said = now
        time.sleep(LOOK_S)


def _tell(
    node_id: str,
    service: Service,
    left: Left,
    document: dict[str, Any],
    *,
    answers: bool,
    no_wait: bool,
) -> None:
    what = "drained" if service is Service.DRAINING else "in maintenance"
    if no_wait:
        click.echo(f"Node {node_id} is being emptied. `tandem status` shows it as {what}.")
        return
    if not answers:
        click.echo(
            f"Node {node_id} is {what}, and does not answer: others record what it was to record."
        )
        return
    if left.is_nothing:
        click.echo(f"Node {node_id} is {what}, and empty: nothing runs or is recorded on it.")
        return
    if service is Service.MAINTENANCE and left.is_spare:
        click.echo(f"Node {node_id} is {what}, and may be switched off.")
    else:
        click.echo(f"Node {node_id} is {what}, and not empty.")
    for sentence in reasons(left, document, node_id):
        click.echo(wrapped(clean(sentence), "  - ", "    "))
