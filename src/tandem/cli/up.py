"""`tandem up`: a cluster of one node on this machine, in the foreground."""

import os
import secrets
import shutil
import signal
import threading
from pathlib import Path
from time import sleep
from types import FrameType
from typing import Final

import click

from tandem.archive.errors import ArchiveError
from tandem.archive.space import Limits
from tandem.cli.common import own_name
from tandem.clock import SystemClock
from tandem.node.agent.__main__ import main as be_agent
from tandem.node.authority import AuthorityError
from tandem.node.control.client import AskingError, ControlClient
from tandem.node.home import Home
from tandem.node.provision import (
    ETCD_VARIABLE,
    ProvisionError,
    find_etcd,
    keep_cluster,
    prepare_volume,
    provision_node,
    settings_text,
)
from tandem.node.secret_file import write_secret
from tandem.node.settings import (
    LEAST_CAP_BYTES,
    LinkSettings,
    NodeSettings,
    VolumeSettings,
    default_directory,
    default_path,
    parse_settings,
    read_settings,
)
from tandem.node.toml_table import SettingsError

EXIT_FAILED: Final = 1

_SHARE: Final = 0.5
"""Of the free space: what recordings may take. The machine is used for something else as well."""

_MOST_CLUSTER_NUMBER: Final = (1 << 32) - 1
_LOOK_S: Final = 0.3
_ANSWER_DEADLINE_S: Final = 2.0


@click.command()
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="where settings, data and recordings are  [default: ~/.local/share/tandem; for root "
    "/var/lib/tandem]",
)
@click.option("--name", default="node1", show_default=True, help="of the node, at the first start")
def up(directory: Path | None, name: str) -> None:
    """Record on this machine alone, in the foreground, until Ctrl-C.

    The first start makes the node: DIRECTORY/node.toml, its keys, and a directory for recordings
    that take half of the free space at most. Change node.toml as you like; it is never written
    again. Nothing listens but on this machine itself.
    """
    place = (directory or default_directory()).absolute()
    try:
        settings = _made(place, name)
        os.environ[ETCD_VARIABLE] = str(find_etcd())
    except (ArchiveError, AuthorityError, ProvisionError, SettingsError) as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{error.filename or place}: {error.strerror}.") from error
    # A terminal that is closed must not leave half a node running.
    signal.signal(signal.SIGHUP, _end)
    threading.Thread(target=_tell_when_ready, args=(place, settings), daemon=True).start()
    raise SystemExit(be_agent(["--settings", str(_settings_path(place))]))


def _made(place: Path, name: str) -> NodeSettings:
    """Make the node, or what a crash kept from being made. Blocks."""
    path, clock = _settings_path(place), SystemClock()
    if not path.exists():
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = _first_settings(place, name)
        parse_settings(text, str(path))  # what cannot be read must not be there next time
        write_secret(path, text.encode())
        click.echo(f"Made {path}: a cluster of one node, {name}.")
    settings = read_settings(path)
    if _answers(ControlClient(Home(settings.data).socket, _ANSWER_DEADLINE_S)):
        raise ProvisionError(
            f"A node runs already in {place}. End it where it was started, or choose another place"
            " by --directory."
        )
    if not Home(settings.data).credentials.exists():
        # Later, a directory without a volume is a disk that is not mounted.
        for volume in settings.volumes:
            prepare_volume(volume.path, settings.cluster, settings.node_id, clock)
    cluster = keep_cluster(settings.data, settings.cluster, clock)
    provision_node(settings, cluster, clock)
    return settings


def _first_settings(place: Path, name: str) -> str:
    limits = Limits(round(shutil.disk_usage(place).free * _SHARE))
    least_bytes = LEAST_CAP_BYTES + limits.min_free_bytes
    if limits.max_bytes is None or limits.max_bytes < least_bytes:
        raise ProvisionError(
            f"{place} has less than {2 * least_bytes >> 30} GiB of free space. Free some, or "
            f"choose another place by --directory."
        )
    return settings_text(
        name,
        1 + secrets.randbelow(_MOST_CLUSTER_NUMBER),
        place / "data",
        [LinkSettings("local", "127.0.0.1")],
        [],
        [VolumeSettings(place / "video", None, limits)],
    )


def _tell_when_ready(place: Path, settings: NodeSettings) -> None:
    """Wait until the node works, and say how to go on."""
    client = ControlClient(Home(settings.data).socket, _ANSWER_DEADLINE_S)
    while not _is_ready(client):
        sleep(_LOOK_S)
    told = "" if default_path() == _settings_path(place) else f" --settings {_settings_path(place)}"
    room = [
        f"  to {volume.path}"
        + (f", {volume.limits.max_bytes >> 30} GiB at most" if volume.limits.max_bytes else "")
        for volume in settings.volumes
    ]
    lines = [
        f"\nNode {settings.node_id} of cluster {settings.cluster} is up, and records",
        *room,
        f"Add a camera in another terminal:  {own_name()} camera add NAME rtsp://…{told}",
        f"See how it is:                     {own_name()} status{told}",
        "Ctrl-C ends it in order.\n",
    ]
    click.echo("\n".join(lines))


def _is_ready(client: ControlClient) -> bool:
    try:
        return client.node()["session"]["renewed_us"] is not None
    except AskingError:
        return False


def _answers(client: ControlClient) -> bool:
    try:
        client.node()
    except AskingError:
        return False
    return True


def _settings_path(place: Path) -> Path:
    return place / "node.toml"


def _end(_number: int, _frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGTERM)
