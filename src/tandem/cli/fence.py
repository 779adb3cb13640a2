"""`tandem fence`: what switches a node off for certain."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from tandem.cli import fence_material
from tandem.cli.common import (
    EXIT_FAILED,
    asking,
    clean,
    counted,
    echo_json,
    fail,
    json_option,
    settings_at,
    settings_option,
    table,
)
from tandem.cli.fence_add import add
from tandem.cli.fence_material import box_at, known_nodes, opened, others_hear
from tandem.clock import SystemClock
from tandem.node.control.client import ControlClient
from tandem.node.control.protocol import VERSION, Json
from tandem.node.fencing.definition import Action
from tandem.node.fencing.device import NotConfirmedError, switch_off, switch_on
from tandem.node.fencing.fencer import Levels
from tandem.node.fencing.trial import Finding, Trial, try_device


@click.group()
def fence() -> None:
    """What switches a node off for certain, by fence agents such as fence_ipmilan."""


fence.add_command(add)


@fence.command("list", epilog="Example: tandem fence list")
@json_option
@settings_option
def list_fencing(as_json: bool, settings_path: Path) -> None:
    """List by which devices each node is fenced. Passwords are never shown."""
    with asking(settings_path, as_json=as_json) as client:
        document = client.fencing()
        nodes = sorted({*known_nodes(client), *document["nodes"]})
    if as_json:
        echo_json(document)
        return
    rows: list[tuple[str, ...]] = [("NODE", "LEVEL", "AGENT", "OPTIONS", "ACTION", "TIME")]
    for node_id in nodes:
        rows += list(_rows(node_id, document["nodes"].get(node_id)))
    for line in table(rows):
        click.echo(line)
    for problem in document["problems"]:
        click.echo(clean(problem), err=True)


def _rows(node_id: str, found: Json | None) -> Iterator[tuple[str, ...]]:
    if found is None:
        yield (node_id, "-", "none", "-", "-", "-")
        return
    for number, level in enumerate(found["levels"], 1):
        for device in level["devices"]:
            options = " ".join(f"{name}={value}" for name, value in device["options"].items())
            yield (
                node_id,
                str(number),
                device["agent"],
                options or "-",
                device["action"],
                f"{device['timeout_s']} s",
            )


@fence.command("remove", epilog="Example: tandem fence remove node2 --level 2")
@click.argument("node_id", metavar="NODE")
@click.option("--level", type=click.IntRange(1), help="this level alone, not all of them")
@json_option
@settings_option
def remove(node_id: str, level: int | None, as_json: bool, settings_path: Path) -> None:
    """Forget by which devices NODE is fenced.

    Exit status: 0 removed, 1 not removed, 2 wrong usage.
    """
    with asking(settings_path, as_json=as_json) as client:
        found = client.sealed_fencing(node_id)
        levels: list[Json] = found["levels"] if level else []
        if level:
            if level > len(levels):
                raise click.UsageError(f"Node '{node_id}' has {counted(len(levels), 'level')}.")
            del levels[level - 1]
        client.put_fencing(node_id, levels, found["revision"])
        left = client.fencing()
    if as_json:
        echo_json(left)
    elif levels:
        click.echo(f"Removed. Node '{node_id}' is left with {counted(len(levels), 'level')}.")
    else:
        click.echo(f"Removed. Node '{node_id}' has no fence device any more.")


@fence.command("test", epilog="Example: tandem fence test node2")
@click.argument("node_id", metavar="NODE")
@click.option("--really-off", is_flag=True, help="switch NODE off, after asking")
@click.option("--yes", is_flag=True, help="do not ask whether it is meant")
@json_option
@settings_option
def test(node_id: str, *, really_off: bool, yes: bool, as_json: bool, settings_path: Path) -> None:
    """Ask the fence devices of NODE for its status, from this node. Nothing is switched.

    Whichever node is left fences the others: so run this on every node. Only --really-off proves
    that a device switches NODE, and no other machine.

    Exit status: 0 all devices answer, or NODE is confirmed off; 1 not so; 2 wrong usage.
    """
    with asking(settings_path, as_json=as_json) as client:
        own = settings_at(settings_path).node_id
        levels = opened(client.sealed_fencing(node_id), node_id, box_at(settings_path))
        is_heard = node_id == own or others_hear(client, node_id)
        if really_off:
            _check_meant(client, node_id, own, yes=yes)
    if really_off:
        _switch_off(node_id, levels, as_json=as_json)
        return
    trials = asyncio.run(_try_all(levels, is_heard=is_heard))
    are_ready = all(it.finding is Finding.READY for _, it in trials)
    if as_json:
        found = [{"level": level, "finding": it.finding, "said": it.said} for level, it in trials]
        document = {"node_id": node_id, "asked_from": own, "trials": found}
        echo_json({"version": VERSION, **document})
    else:
        for level, it in trials:
            mark = "ok" if it.finding is Finding.READY else it.finding.value.replace("_", " ")
            click.echo(clean(f"level {level}: {mark}: {it.said}"))
        click.echo(f"(Asked from {own}; run this on the other nodes as well.)", err=True)
    if not are_ready:
        raise SystemExit(EXIT_FAILED)


def _check_meant(client: ControlClient, node_id: str, own: str, *, yes: bool) -> None:
    if node_id == own:
        raise click.UsageError("Ask another node to switch this one off.")
    if not yes:
        recorded = sum(
            any(copy["node_id"] == node_id for copy in camera["copies"])
            for camera in client.status()["cameras"]
        )
        click.confirm(
            f"Switch node '{node_id}' off NOW, as a loss of power would? It records"
            f" {counted(recorded, 'camera')}.",
            abort=True,
            err=True,
        )


async def _try_all(levels: Levels, *, is_heard: bool) -> list[tuple[int, Trial]]:
    return [
        (number, await try_device(it, is_heard=is_heard, directories=fence_material.DIRECTORIES))
        for number, level in enumerate(levels, 1)
        for it in level
    ]


def _switch_off(node_id: str, levels: Levels, *, as_json: bool) -> None:
    """Each level by itself: the second is never tried in the night if the first works."""
    outcomes = asyncio.run(_switch_all(levels))
    problems = [problem for problem in outcomes if problem]
    if problems:
        fail(" ".join(problems), as_json=as_json)
    if as_json:
        echo_json({"version": VERSION, "node_id": node_id, "confirmed_off": True})
    else:
        click.echo(f"Node '{node_id}' is confirmed off, by every level.")


async def _switch_all(levels: Levels) -> Sequence[str]:
    problems = []
    for number, level in enumerate(levels, 1):
        try:
            await switch_off(level, fence_material.DIRECTORIES, SystemClock())
            for it in level:
                if it.device.action is Action.REBOOT:
                    await switch_on(it, fence_material.DIRECTORIES)
        except NotConfirmedError as problem:
            problems.append(f"Level {number}: {problem}")
    return problems
