"""`tandem volume`: the disks that recordings go to."""

import os
from pathlib import Path
from uuid import UUID, uuid4

import click

from tandem.archive.errors import ArchiveError
from tandem.archive.identity import VolumeIdentity
from tandem.archive.layout import IDENTITY_FILE
from tandem.archive.volume import Volume
from tandem.cli.common import echo_json, fail, json_option, settings_at, settings_option
from tandem.clock import Clock, SystemClock
from tandem.node.control.client import AskingError
from tandem.node.control.protocol import VERSION
from tandem.node.ownership import give_to_service
from tandem.node.settings import PATH, NodeSettings


@click.group()
def volume() -> None:
    """The disks that recordings go to."""


@volume.command("init", epilog="Example: tandem volume init /srv/video1")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--directory", is_flag=True, help="take a directory that is no file system of its own"
)
@json_option
@settings_option
def init(path: Path, *, directory: bool, as_json: bool, settings_path: Path) -> None:
    """Make the new, empty, mounted file system at PATH a volume of this node's cluster.

    Writes one small file, by which the disk is known from then on. Refused where there are other
    files, where nothing is mounted, and where there is a volume already. Needs no agent.

    Exit status: 0 it is a volume now, 1 it is not, 2 wrong usage.
    """
    path = path.absolute()
    try:
        settings = settings_at(settings_path)
        identity = _create(path, settings, SystemClock(), is_directory=directory)
        if settings_path == PATH:
            give_to_service([path, path / IDENTITY_FILE])
    except (AskingError, ArchiveError) as problem:
        fail(str(problem), as_json=as_json)
    is_named = any(it.path == path for it in settings.volumes)
    if as_json:
        echo_json(
            {
                "version": VERSION,
                "path": str(path),
                "volume_id": str(identity.volume_id),
                "cluster_number": identity.cluster_number,
                "in_settings": is_named,
            }
        )
        return
    click.echo(f"{path} is volume {identity.volume_id} of cluster {identity.cluster_number} now.")
    if not is_named:
        click.echo(
            f"For node {settings.node_id} to record to it, write in {settings_path}:\n\n"
            f'[[volumes]]\npath = "{path}"\nid = "{identity.volume_id}"\n\n'
            "and start its agent again."
        )


def _create(
    path: Path, settings: NodeSettings, clock: Clock, *, is_directory: bool
) -> VolumeIdentity:
    """Make a volume.

    Raises:
        AskingError: there is one, or nothing is mounted there.
        ArchiveError: the directory is not there, not empty, or cannot be written.
    """
    if (path / IDENTITY_FILE).exists():
        raise AskingError(
            f"{path} is a volume already, with its identity in {path / IDENTITY_FILE}. Its"
            " recordings are untouched; name it in node.toml to use it."
        )
    if path.is_dir() and not is_directory and not os.path.ismount(path):
        raise AskingError(
            f"Nothing is mounted at {path}: recordings would fill the disk that it is on. Mount the"
            " disk there first (`findmnt` shows what is mounted), or say --directory if that is"
            " what you want."
        )
    wanted: UUID | None = next((it.volume_id for it in settings.volumes if it.path == path), None)
    identity = VolumeIdentity(wanted or uuid4(), settings.cluster, settings.node_id, clock.utc_us())
    return Volume.create(path, identity)
