"""`tandem lab`: a cluster on this machine, with simulated cameras, and faults to inflict on it."""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from tandem.cli.common import own_name
from tandem.cli.quantities import QuantityError, parse_duration_s
from tandem.clock import SystemClock
from tandem.cluster.model import Protection
from tandem.lab.cluster import ClusterPlan, LabCluster, Steps
from tandem.lab.cluster.interrupts import interruptible, undisturbed
from tandem.lab.cluster.steps import counted
from tandem.lab.demo import run as run_demo
from tandem.lab.fencing.switch import Manner, set_manner
from tandem.lab.hosts import Direction, HostStatus, Lab, LabError, LabStatus, VolumeFault
from tandem.lab.hosts.commands import environment

EXIT_FAILED: Final = 1
EXIT_INTERRUPTED: Final = 130

_GO_ON: Final = """
Look at it:      {tandem} lab exec{where} node1 -- tandem status
Hurt it:         {tandem} lab kill{where} node2
Bring it back:   {tandem} lab start{where} node2
What else:       {tandem} lab --help
Take it down:    {tandem} lab down{where}"""
_BY_HAND: Final = """
The lab is gone again. To try faults by hand, bring one up that stays: {tandem} lab up"""


class _LabGroup(click.Group):
    """Turns what goes wrong in a lab into a sentence and an exit status."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except LabError as error:
            click.echo(str(error), err=True)
            raise SystemExit(EXIT_FAILED) from None


def _with_directory(command: Callable[..., None]) -> Callable[..., None]:
    return click.option(
        "--directory",
        type=click.Path(path_type=Path),
        help="where the lab is; one place for each user unless given",
    )(command)


@click.group(cls=_LabGroup)
def lab() -> None:
    """A cluster on this machine, with simulated cameras, and faults to inflict on it.

    Nodes are hosts in namespaces of their own: what happens there does not touch this machine.
    """


@lab.command()
@click.option("--nodes", default=3, show_default=True)
@click.option("--cameras", default=12, show_default=True)
@click.option("--volumes", default=1, show_default=True, help="of each node")
@click.option(
    "--protection",
    type=click.Choice([each.value for each in Protection]),
    default=Protection.HOT.value,
    show_default=True,
    help="of each camera",
)
@click.option(
    "--window",
    metavar="DURATION",
    callback=lambda _context, _option, text: _window_s(text),
    default="60s",
    show_default=True,
    help="how long a second keeps its copy",
)
@click.option(
    "--fencing", is_flag=True, help="with a power switch, by which nodes fence each other"
)
@_with_directory
def up(
    nodes: int,
    cameras: int,
    volumes: int,
    protection: str,
    window: int,
    fencing: bool,
    directory: Path | None,
) -> None:
    """Bring up nodes and cameras, and record."""
    plan = ClusterPlan(
        nodes,
        cameras,
        volumes,
        protection=Protection(protection),
        window_s=window,
        fencing=fencing,
    )
    place = _place(directory)
    steps = Steps(_write, SystemClock())
    steps.say(f"Bringing up a lab in {place}")
    with _interruptible("The lab was taken down."):
        cluster = LabCluster.up(place, plan, steps)
    steps.say(f"It is up after {steps.elapsed_s:.1f} s, and records.")
    _say_what_is_not_tested(cluster.lab.status())
    steps.say(_filled(_GO_ON, directory))


@lab.command()
@_with_directory
def down(directory: Path | None) -> None:
    """Remove everything of a lab, also after a crash; done already if there is none."""
    _take_down(Lab(_place(directory)))


@lab.command()
@click.argument("host")
@_with_directory
def kill(host: str, directory: Path | None) -> None:
    """Cut a host's power: what it had not written durably is gone."""
    lab = _lab(directory)
    lab.kill(host)
    _say_what_is_not_tested(lab.status())


@lab.command("power-switch")
@click.argument("manner", type=click.Choice([each.value for each in Manner]))
@_with_directory
def power_switch(manner: str, directory: Path | None) -> None:
    """Let the power switch, by which nodes are fenced, behave so from now on."""
    set_manner(_lab(directory), Manner(manner))


@lab.command()
@click.argument("host")
@_with_directory
def start(host: str, directory: Path | None) -> None:
    """Switch a host on; what ran there starts again."""
    LabCluster.open(_place(directory)).start(host)


@lab.command()
@click.argument("host")
@_with_directory
def freeze(host: str, directory: Path | None) -> None:
    """Let a host stand still, as a virtual machine that is paused."""
    _lab(directory).freeze(host)


@lab.command()
@click.argument("host")
@_with_directory
def thaw(host: str, directory: Path | None) -> None:
    """Let a host go on where it stood."""
    _lab(directory).thaw(host)


@lab.command()
@click.argument("host")
@click.option("--link", required=True, help="a, b, cameras or users")
@click.option(
    "--one-way",
    type=click.Choice([each.value for each in Direction]),
    help="only what the host is sent (in) or sends (out)",
)
@_with_directory
def cut(host: str, link: str, one_way: str | None, directory: Path | None) -> None:
    """Drop silently what passes between a host and a network."""
    directions = tuple(Direction) if one_way is None else (Direction(one_way),)
    _lab(directory).cut(host, link, directions)


@lab.command()
@click.argument("host", required=False)
@click.option("--link", help="of one network alone")
@_with_directory
def heal(host: str | None, link: str | None, directory: Path | None) -> None:
    """Undo cuts: of one host, or of all."""
    _lab(directory).heal(host, link)


@lab.command("break")
@click.argument("host")
@click.argument("volume")
@click.argument("fault", type=click.Choice([each.value for each in VolumeFault]))
@_with_directory
def damage(host: str, volume: str, fault: str, directory: Path | None) -> None:
    """Let something befall a volume of a node, such as v1."""
    _lab(directory).break_volume(host, volume, VolumeFault(fault))


@lab.command()
@click.argument("host")
@click.argument("volume")
@_with_directory
def repair(host: str, volume: str, directory: Path | None) -> None:
    """Undo what befell a volume; one that was destroyed comes back empty."""
    LabCluster.open(_place(directory)).repair_volume(host, volume)


@lab.command("exec", context_settings={"ignore_unknown_options": True})
@click.argument("host")
@click.argument("argv", metavar="COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
@_with_directory
def execute(host: str, argv: tuple[str, ...], directory: Path | None) -> None:
    """Run a command on a host, `tandem` among others; its exit status is this one's."""
    command = _lab(directory).host(host).command(argv)
    ours = str(Path(sys.executable).parent)
    path = os.pathsep.join([ours, environment()["PATH"]])
    sys.stdout.flush()
    os.execvpe(command[0], command, environment() | {"PATH": path})  # noqa: S606 - no shell


@lab.command()
@click.option("--json", "as_json", is_flag=True, help="print JSON")
@_with_directory
def status(as_json: bool, directory: Path | None) -> None:
    """Which hosts are on, what is cut, and which disks are damaged."""
    lab = _lab(directory)
    found = lab.status()
    if as_json:
        click.echo(json.dumps({"version": 1, "directory": str(lab.directory), **asdict(found)}))
        return
    runs = "" if found.is_running else ": it does not run any more; take it down"
    click.echo(f"Lab in {lab.directory}{runs}")
    for name, host in found.hosts.items():
        click.echo(f"  {name:<10}{_condition(host)}")
    _say_what_is_not_tested(found)


@lab.command()
@click.option("--cameras", default=12, show_default=True)
@click.option("--keep", is_flag=True, help="leave the lab up, to go on by hand")
@_with_directory
def demo(cameras: int, keep: bool, directory: Path | None) -> None:
    """Let two of three nodes lose their power, one after the other, and count every picture.

    Exit status: 0 if every picture was exported exactly once, 1 if not.
    """
    place, clock = _place(directory), SystemClock()
    steps = Steps(_write, clock)
    steps.say(
        f"A cluster of 3 nodes records {counted(cameras, 'camera')}, in {place}.\n"
        f"Two nodes will lose their power, one after the other, and every picture is counted."
    )
    with _interruptible("The lab was taken down."):
        cluster = LabCluster.up(place, ClusterPlan(cameras=cameras), steps, clock)
        _say_what_is_not_tested(cluster.lab.status())
        is_kept = False
        try:
            is_exact = run_demo(cluster, steps, clock)
            is_kept = keep
        except LabError as error:
            is_kept = keep
            raise LabError(f"{error}\n{cluster.last_words()}") from error
        finally:
            if not is_kept:
                _take_down(cluster.lab)
    took = f"This took {steps.elapsed_s:.0f} s."
    if is_exact:
        steps.say(f"Every picture was exported exactly once. {took}")
    else:
        steps.say(f"Pictures were lost or doubled: see the tables. {took}")
    steps.say(_filled(_GO_ON if keep else _BY_HAND, directory))
    if not is_exact:
        raise SystemExit(EXIT_FAILED)


def default_directory() -> Path:
    """Where a user's lab is, unless he says otherwise."""
    return Path(tempfile.gettempdir()) / f"tandem-lab-{os.geteuid()}"


def _filled(text: str, directory: Path | None) -> str:
    """Commands as they can be typed here: a checkout's are in no PATH."""
    where = "" if directory is None else f" --directory {directory}"
    return text.format(tandem=own_name(), where=where)


def _place(directory: Path | None) -> Path:
    place = (directory or default_directory()).absolute()
    if directory is None and place.exists() and place.stat().st_uid != os.geteuid():
        raise LabError(f"{place} belongs to somebody else. Choose a place by --directory.")
    return place


def _lab(directory: Path | None) -> Lab:
    lab = Lab(_place(directory))
    if not lab.book.state_file.exists():
        raise LabError(f"There is no lab in {lab.directory}. Bring one up with `tandem lab up`.")
    return lab


def _window_s(text: str) -> int:
    try:
        return parse_duration_s(text)
    except QuantityError as problem:
        raise click.BadParameter(str(problem)) from None


def _take_down(lab: Lab) -> None:
    with undisturbed():
        lab.down()


def _write(text: str) -> None:
    click.echo(text, nl=False)


@contextmanager
def _interruptible(left: str) -> Iterator[None]:
    """End on Ctrl-C with the status that shells give it, and say what is left."""
    try:
        with interruptible():
            yield
    except KeyboardInterrupt:
        click.echo(f"Interrupted. {left}", err=True)
        raise SystemExit(EXIT_INTERRUPTED) from None


def _condition(host: HostStatus) -> str:
    parts = [host.power.value]
    parts += [f"{name} cut ({' and '.join(ways)})" for name, ways in host.cuts.items()]
    parts += [f"volume {name} is {fault}" for name, fault in host.volumes.items() if fault]
    return ", ".join(parts)


def _say_what_is_not_tested(status: LabStatus) -> None:
    if status.keeps_unsynced_why:
        click.echo(
            f"Power loss is not tested here: a node that is killed keeps what it had not synced, "
            f"since {status.keeps_unsynced_why}."
        )
