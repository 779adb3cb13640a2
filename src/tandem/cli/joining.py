"""`tandem init`, `join` and `leave`: how a server comes to a cluster, and how it leaves it."""

import asyncio
import secrets
import socket
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import click

from tandem.archive.errors import ArchiveError
from tandem.cli.common import (
    EXIT_FAILED,
    asking,
    ended,
    own_name,
    settings_at,
    settings_option,
    wrapped,
)
from tandem.clock import SystemClock
from tandem.cluster.keys import IdError
from tandem.node.authority import AuthorityError
from tandem.node.control.client import AskingError
from tandem.node.joining.application import ApplicationError
from tandem.node.joining.client import forget_key
from tandem.node.joining.client import join as ask_to_join
from tandem.node.joining.making import Wanted, check, make_first, make_joined
from tandem.node.joining.token import Token, TokenError
from tandem.node.provision import ProvisionError
from tandem.node.settings import DATA, PATH, LinkSettings
from tandem.node.toml_table import SettingsError

_MOST_CLUSTER_NUMBER: Final = (1 << 32) - 1
_EXPECTED: Final = (
    ApplicationError,
    ArchiveError,
    AuthorityError,
    IdError,
    ProvisionError,
    SettingsError,
    TokenError,
)

Command = TypeVar("Command", bound=Callable[..., Any])


def _node_options(command: Command) -> Command:
    """What `init` and `join` are told of the node."""
    for option in (
        click.option(
            "--directory",
            type=click.Path(path_type=Path, file_okay=False),
            help="where settings and data are  [default: /etc/tandem/node.toml, /var/lib/tandem]",
        ),
        click.option("--node", help="its name  [default: this machine's host name]"),
        click.option(
            "--volume",
            "volumes",
            metavar="PATH",
            multiple=True,
            type=click.Path(path_type=Path, file_okay=False),
            help="where a disk for recordings is mounted; again for each further one",
        ),
        click.option(
            "--link",
            "links",
            metavar="NAME=ADDRESS",
            multiple=True,
            required=True,
            help="this machine's IP address on a network between nodes; again for each further one",
        ),
    ):
        command = option(command)
    return command


@click.command(epilog="Example: tandem init --link a=10.0.1.1 --link b=10.0.2.1 --volume /srv/v1")
@_node_options
@click.option(
    "--number",
    type=click.IntRange(1, _MOST_CLUSTER_NUMBER),
    help="of the cluster, unique among all that may ever meet  [default: drawn by lot]",
)
def init(
    links: Sequence[str],
    volumes: Sequence[Path],
    node: str | None,
    directory: Path | None,
    number: int | None,
) -> None:
    """Make this machine the first node of a new cluster.

    Looks whether the addresses are this machine's, the ports free and the volumes mounted, then
    writes settings, keys and volumes. Starts nothing. Interrupted, it can be repeated.

    Exit status: 0 it is a node now, 1 it is not, 2 wrong usage.
    """
    wanted = _wanted(links, volumes, node, directory)
    cluster = number or 1 + secrets.randbelow(_MOST_CLUSTER_NUMBER)
    try:
        _tell_costs(check(wanted))
        make_first(wanted, cluster, SystemClock())
    except _EXPECTED as problem:
        _fail(str(problem))
    except OSError as error:
        _fail(f"{error.filename or wanted.data}: {error.strerror}")
    click.echo(f"This machine is node {wanted.node_id} of the new cluster {cluster} now.")
    _tell_start(wanted)
    click.echo(f"Then, for each further server:  {own_name()} node invite{_told(wanted)}")


@click.command(
    epilog="Example: tandem join TOKEN --link a=10.0.1.2 --link b=10.0.2.2 --volume /srv/v1"
)
@click.argument("token")
@_node_options
def join(
    token: str,
    links: Sequence[str],
    volumes: Sequence[Path],
    node: str | None,
    directory: Path | None,
) -> None:
    """Make this machine a node of the cluster that TOKEN is from; see `tandem node invite`.

    Looks at what `tandem init` looks at, and whether this machine and the nodes reach each other on
    every link, before anything is changed. Interrupted, it can be repeated with the same TOKEN.

    Exit status: 0 it is a node now, 1 it is not, 2 wrong usage.
    """
    wanted, clock = _wanted(links, volumes, node, directory), SystemClock()
    try:
        invitation = Token.decode(token)
        _tell_costs(check(wanted))
        release = version("tandem-video")
        found = asyncio.run(ask_to_join(wanted, invitation, release, clock))
        make_joined(
            wanted,
            invitation.cluster,
            found.heartbeat_port,
            found.peers,
            found.authority,
            found.credentials,
            found.cluster_key,
            clock,
        )
        forget_key(wanted.data)
    except _EXPECTED as problem:
        _fail(str(problem))
    except OSError as error:
        _fail(f"{error.filename or wanted.data}: {error.strerror}")
    click.echo(f"This machine is node {wanted.node_id} of cluster {invitation.cluster} now.")
    _tell_start(wanted)


@click.command(epilog="Example: tandem node drain server3 && tandem leave")
@settings_option
def leave(settings_path: Path) -> None:
    """Take this node out of its cluster for good. Drain it first: `tandem node drain`.

    The other nodes talk to it no more, nor take its certificate; its name is not used again. What
    is recorded on it stays on its disks, and is no part of the cluster's recordings any more.

    Exit status: 0 it has left, 1 it has not, 2 wrong usage.
    """
    with asking(settings_path, as_json=False) as client:
        node_id = settings_at(settings_path).node_id
        placed = [
            camera["camera_id"]
            for camera in client.cameras()["cameras"]
            if node_id in ((camera.get("placement") or {}).get("nodes") or ())[:2]
        ]
        if placed:
            raise AskingError(
                f"{len(placed)} cameras are to be recorded here, {placed[0]} among them. Run"
                f" `tandem node drain {node_id}` first."
            )
        client.remove_node(node_id)
    click.echo(
        f"Node {node_id} has left. Stop its service (`systemctl disable --now tandem`), and move"
        f" {settings_path} and its data away before this machine joins a cluster again."
    )


def _wanted(
    links: Sequence[str], volumes: Sequence[Path], node: str | None, directory: Path | None
) -> Wanted:
    found = []
    for text in links:
        name, equals, address = text.partition("=")
        if not (name and equals and address):
            raise click.BadParameter(f"{text!r} is not NAME=ADDRESS, as in a=10.0.1.1")
        found.append(LinkSettings(name, address))
    name = node or socket.gethostname().partition(".")[0].lower()
    place = directory.absolute() if directory else None
    return Wanted(
        name,
        tuple(found),
        tuple(path.absolute() for path in volumes),
        place / PATH.name if place else PATH,
        place / "data" if place else DATA,
    )


def _tell_costs(sentences: Sequence[str]) -> None:
    for sentence in sentences:
        click.echo(wrapped(f"Note: {sentence}"), err=True)


def _tell_start(wanted: Wanted) -> None:
    if wanted.settings == PATH:
        click.echo("Start it:  systemctl enable --now tandem")
    else:
        click.echo(f"Start it:  python3 -m tandem.node.agent --settings {wanted.settings}")


def _told(wanted: Wanted) -> str:
    return "" if wanted.settings == PATH else f" --settings {wanted.settings}"


def _fail(problem: str) -> NoReturn:
    click.echo(wrapped(ended(problem)), err=True)
    raise SystemExit(EXIT_FAILED)
