"""`tandem store`: backups of what the nodes agree on."""

import asyncio
from pathlib import Path

import click

from tandem.archive.errors import words_of
from tandem.cli.common import echo_json, fail, json_option, settings_at, settings_option
from tandem.cli.quantities import size
from tandem.clock import SystemClock
from tandem.node.agent.store_member import endpoints
from tandem.node.authority import AuthorityError
from tandem.node.backup.document import Backup, BackupError
from tandem.node.backup.taking import Source, keep_backup, read_store, write_backup
from tandem.node.control.client import AskingError
from tandem.node.home import Home
from tandem.node.ownership import give_to_service
from tandem.node.settings import PATH, NodeSettings
from tandem.node.tls import client_context


@click.group()
def store() -> None:
    """Backups of what the nodes agree on: cameras, placements, resources."""


@store.command(epilog="Example: tandem store backup /mnt/usb/cluster.backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@json_option
@settings_option
def backup(file: Path | None, as_json: bool, settings_path: Path) -> None:
    """Write a backup of the store to FILE, or beside those that this node takes each hour.

    It holds cameras' logins, sealed with the cluster's key (cluster.key beside it opens them), and
    no recordings. The agent need not run; the store has to have a quorum.
    """
    try:
        settings = settings_at(settings_path)
        taken = asyncio.run(read_store(_source(settings), SystemClock()))
        path = _written(taken, file, settings)
        if file is None and settings_path == PATH:
            give_to_service([path.parent, path])
    except (AskingError, AuthorityError, BackupError) as problem:
        fail(str(problem), as_json=as_json)
    except OSError as problem:
        fail(f"The backup cannot be written: {words_of(problem)}.", as_json=as_json)
    header, size_bytes = taken.header, path.stat().st_size
    if as_json:
        echo_json(
            {
                "version": 1,
                "file": str(path),
                "bytes": size_bytes,
                "keys": len(taken.values),
                "revision": header.revision,
                "incarnation": header.incarnation,
                "at_us": header.at_us,
            }
        )
    else:
        click.echo(
            f"{path}: {len(taken.values)} keys at revision {header.revision}, {size(size_bytes)}."
        )


def _source(settings: NodeSettings) -> Source:
    home = Home(settings.data)
    tls = client_context(home.authority, home.credentials)
    return Source(settings.cluster, settings.node_id, endpoints(settings), tls)


def _written(taken: Backup, file: Path | None, settings: NodeSettings) -> Path:
    if file is None:
        return keep_backup(taken, Home(settings.data).backups)
    write_backup(taken, file)
    return file
