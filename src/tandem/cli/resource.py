"""`tandem resource`: what is kept running beside the recordings."""

from pathlib import Path
from typing import Any, Final

import click

from tandem.cli.common import (
    asking,
    clean,
    echo_json,
    json_option,
    settings_option,
    table,
    wrapped,
)
from tandem.cli.quantities import QuantityError, parse_duration_s
from tandem.cli.resource_fields import (
    definition_options,
    fields_of,
    file_definitions,
)
from tandem.cli.resource_text import instant, resource_lines
from tandem.cluster.order import Mode
from tandem.node.control.client import ControlClient
from tandem.node.control.protocol import VERSION
from tandem.resources.checks.options import shown_url

Json = dict[str, Any]

_HOUR: Final = "1h"
_SECRET: Final = ("environment",)
"""Options that may hold passwords: their names are shown, their values are not."""

_name = click.argument("resource_id", metavar="NAME")


@click.group()
def resource() -> None:
    """Addresses, processes and services that run on one node, and follow to the next."""


@resource.command(
    "add",
    epilog="Example: tandem resource add pages --kind address --mode soft"
    " --option address=10.0.0.5 --option interface=eth0",
)
@click.argument("resource_id", metavar="NAME", required=False)
@click.option(
    "-f",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.toml",
    help="enter the definitions of a file, each a table of its name",
)
@click.option("--disabled", is_flag=True, help="do not start it yet")
@definition_options
@json_option
@settings_option
def add(
    resource_id: str | None,
    file: Path | None,
    disabled: bool,
    as_json: bool,
    settings_path: Path,
    **typed: object,
) -> None:
    """Define NAME, to be kept running on one node. It is started at once, unless --disabled.

    What its kind takes as --option: docs/reference/resources.md. Exit status: 0 entered, 1 refused
    or not asked, 2 wrong usage.
    """
    fields = fields_of(typed)
    if (file is None) == (resource_id is None) or (file and fields):
        raise click.UsageError("Give a NAME with its options, or -f FILE alone.")
    if file:
        wanted = file_definitions(file)
    else:
        if "kind" not in fields:
            raise click.UsageError("Say its --kind: address, process or unit.")
        wanted = {str(resource_id): fields}
    revisions = {}
    with asking(settings_path, as_json=as_json) as client:
        for name, definition in wanted.items():
            entered = {"mode": Mode.STRICT, **definition}
            entered |= {"enabled": False} if disabled else {}
            revisions[name] = client.put_resource(name, entered, 0)
            if not as_json:
                what = "entered, and disabled" if disabled else "entered, and will be started"
                click.echo(f"Resource '{name}' is {what}.")
    if as_json:
        echo_json({"version": VERSION, "resources": revisions})


@resource.command("edit", epilog="Example: tandem resource edit pages --prefer server1")
@_name
@definition_options
@json_option
@settings_option
def edit(resource_id: str, as_json: bool, settings_path: Path, **typed: object) -> None:
    """Change what is given of NAME, and nothing else. A list is given anew as a whole.

    Exit status: 0 changed, 1 refused or not asked, 2 wrong usage.
    """
    fields = fields_of(typed)
    if not fields:
        raise click.UsageError("Say what to change: see --help.")
    with asking(settings_path, as_json=as_json) as client:
        before = client.resource(resource_id)
        if "options" in fields:
            fields["options"] = {**before["options"], **fields["options"]}
        revision = client.put_resource(resource_id, {**before, **fields}, before["revision"])
    if as_json:
        echo_json({"version": VERSION, "resource_id": resource_id, "revision": revision})
        return
    click.echo(f"Resource '{resource_id}' is changed.")
    if {"options", "kind", "checks"} & fields.keys():
        click.echo("What runs goes on as it was started: `disable` and `enable` start it anew.")


@resource.command("list", epilog="Example: tandem resource list")
@json_option
@settings_option
def list_resources(as_json: bool, settings_path: Path) -> None:
    """List all resources: how each is, where, and who follows."""
    with asking(settings_path, as_json=as_json) as client:
        found = client.status()["resources"]
    if as_json:
        echo_json({"version": VERSION, "resources": found})
        return
    for line in resource_lines(found) or ["There are no resources. `tandem resource add`."]:
        click.echo(line)


@resource.command("show", epilog="Example: tandem resource show pages")
@_name
@json_option
@settings_option
def show(resource_id: str, as_json: bool, settings_path: Path) -> None:
    """Show how NAME is defined, how it is, and why it is where it is."""
    with asking(settings_path, as_json=as_json) as client:
        definition = client.resource(resource_id)
        now = _now(client, resource_id)
    if as_json:
        echo_json({"version": VERSION, "definition": definition, "now": now})
        return
    rows = [(name, _shown(value)) for name, value in definition.items() if _is_said(value)]
    for line in table([row for row in rows if row[0] != "version"]):
        click.echo(line)
    for sentence in _words(now):
        click.echo(wrapped(clean(sentence), hang="  "))


@resource.command("move", epilog="Example: tandem resource move pages server2 --for 4h")
@_name
@click.argument("node_id", metavar="NODE")
@click.option("--for", "for_text", metavar="TIME", default=_HOUR, show_default=True)
@json_option
@settings_option
def move(resource_id: str, node_id: str, for_text: str, as_json: bool, settings_path: Path) -> None:
    """Move NAME to NODE. For the time given NODE is preferred to all others; then NAME stays.

    Exit status: 0 it will be moved, 1 refused or not asked, 2 wrong usage.
    """
    try:
        for_s = parse_duration_s(for_text)
    except QuantityError as problem:
        raise click.UsageError(str(problem)) from None
    with asking(settings_path, as_json=as_json) as client:
        client.move_resource(resource_id, node_id, for_s)
    if as_json:
        echo_json({"version": VERSION, "resource_id": resource_id, "node": node_id})
        return
    click.echo(f"Resource '{resource_id}' goes to {node_id}, if that can run it.")


@resource.command("disable", epilog="Example: tandem resource disable pages")
@_name
@json_option
@settings_option
def disable(resource_id: str, as_json: bool, settings_path: Path) -> None:
    """Stop NAME, and keep its definition."""
    _enable(resource_id, settings_path, as_json=as_json, enabled=False)


@resource.command("enable", epilog="Example: tandem resource enable pages")
@_name
@json_option
@settings_option
def enable(resource_id: str, as_json: bool, settings_path: Path) -> None:
    """Start NAME again after `disable`."""
    _enable(resource_id, settings_path, as_json=as_json, enabled=True)


@resource.command("remove", epilog="Example: tandem resource remove pages")
@_name
@click.option("--yes", is_flag=True, help="do not ask whether it is meant")
@json_option
@settings_option
def remove(resource_id: str, yes: bool, as_json: bool, settings_path: Path) -> None:
    """Stop NAME, and forget it.

    Exit status: 0 it is being stopped and forgotten, 1 refused or not asked, 2 wrong usage.
    """
    with asking(settings_path, as_json=as_json) as client:
        definition = client.resource(resource_id)
        where = ", ".join((_now(client, resource_id) or {}).get("nodes") or [])
        if not yes:
            runs = f", which runs on {where}" if where else ""
            click.confirm(
                clean(f"Stop and forget resource '{resource_id}'{runs}?"), abort=True, err=True
            )
        client.remove_resource(resource_id, definition["revision"])
    if as_json:
        echo_json({"version": VERSION, "resource_id": resource_id})
        return
    stops = f" {where} stops it." if where else ""
    click.echo(f"Resource '{resource_id}' is removed.{stops}")


def _enable(resource_id: str, settings_path: Path, *, as_json: bool, enabled: bool) -> None:
    with asking(settings_path, as_json=as_json) as client:
        before = client.resource(resource_id)
        wanted = {**before, "enabled": enabled}
        revision = client.put_resource(resource_id, wanted, before["revision"])
    if as_json:
        echo_json({"version": VERSION, "resource_id": resource_id, "revision": revision})
        return
    done = "enabled, and will be started" if enabled else "disabled, and will be stopped"
    click.echo(f"Resource '{resource_id}' is {done}.")


def _now(client: ControlClient, resource_id: str) -> Json | None:
    found: list[Json] = client.status()["resources"]
    return next((it for it in found if it["resource_id"] == resource_id), None)


def _words(now: Json | None) -> list[str]:
    if now is None:
        return ["It has just been removed."]
    where = f" on {', '.join(now['nodes'])}" if now["nodes"] else ""
    token = f", with token {now['token']}" if now["token"] else ""
    said = [f"It is {now['state']}{where}{token}."]
    said += now["why"]
    if wish := now["wish"]:
        said.append(f"An operator wants it on {wish['node']} until {instant(wish['until_us'])}.")
    if now["moved_us"]:
        moves = ", ".join(instant(it) for it in now["moved_us"])
        said.append(f"It moved by itself at {moves}.")
    failed = [now["why_not"]] if now["why_not"] else now["failures"]
    return [*said, *failed, *now["problems"]]


def _is_said(value: object) -> bool:
    return value not in ("", [], {}, None)


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={_shown_option(key, it)}" for key, it in value.items())
    if isinstance(value, list) and all(isinstance(it, dict) for it in value):
        return "; ".join(map(_shown, value))
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _shown_option(name: str, value: object) -> str:
    if name in _SECRET and isinstance(value, dict):
        return f"({', '.join(value)})"
    return shown_url(value) if name == "url" and isinstance(value, str) else str(value)
