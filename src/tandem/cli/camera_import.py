"""`tandem camera import`: many cameras at once, from a table."""

import stat
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import click

from tandem.cli.camera_fields import (
    is_one_node_too_few,
    note_of_one_node,
    warn_of_password,
)
from tandem.cli.camera_table import Row, TableError, read_table
from tandem.cli.common import asking, clean, counted, echo_json, json_option, settings_option
from tandem.node.control.client import AskingError, ControlClient
from tandem.node.control.protocol import VERSION, Json, KeptLogin, RefusedError
from tandem.recording.camera import CameraError, Login


@click.command("import", epilog="Example: tandem camera import cameras.csv")
@click.argument("table", metavar="FILE.csv", type=click.Path(path_type=Path, dir_okay=False))
@json_option
@settings_option
def import_cameras(table: Path, as_json: bool, settings_path: Path) -> None:
    """Enter or change all cameras of a table.

    Its first line names the columns: id or name, url, sub, sub_live_only, protection, window, keep,
    keep_size, audio, transport, bit_rate, user, password. An empty cell leaves what a camera has. A
    camera that is not in the table stays as it is. All rows are checked before any is entered; the
    same table again changes nothing. Whether pictures come, `tandem status` tells.

    Exit status: 0 all is as in the table, 1 it is not, 2 wrong usage.
    """
    rows = _read(table, as_json=as_json)
    with asking(settings_path, as_json=as_json) as client:
        present = {it["camera_id"]: it for it in client.cameras()["cameras"]}
        documents = _documents(table, rows, present, as_json=as_json)
        done = _enter_all(client, rows, documents, present)
        new = {*done["added"], *done["changed"]}
        is_alone = is_one_node_too_few(client, [it for it in documents if it["camera_id"] in new])
    if as_json:
        echo_json({"version": VERSION, **done})
        return
    click.echo(
        f"{counted(len(rows), 'camera')} in the table: {len(done['added'])} entered,"
        f" {len(done['changed'])} changed, {len(done['unchanged'])} as they were."
    )
    if is_alone:
        note_of_one_node()


def _read(table: Path, *, as_json: bool) -> list[Row]:
    try:
        data, mode = table.read_bytes(), table.stat().st_mode
    except OSError as error:
        raise click.UsageError(f"{table} cannot be read: {error.strerror}.") from None
    try:
        rows = read_table(data)
    except TableError as error:
        _refuse(table, error.problems, as_json=as_json)
    if mode & stat.S_IROTH and any(row.login is not KeptLogin.KEPT for row in rows):
        click.echo(
            f"Warning: everybody on this machine can read the passwords in {table}. Forbid it"
            f" (chmod 600 {table}), and delete the file when all cameras are entered.",
            err=True,
        )
    return rows


def _documents(
    table: Path, rows: list[Row], present: dict[str, Json], *, as_json: bool
) -> list[Json]:
    """Each camera as it is to be; what is wrong with any of them ends the command."""
    documents, problems = [], []
    for row in rows:
        before = present.get(row.camera_id)
        if before is None and "url" not in row.given:
            problems.append(f"line {row.line}, column url: '{row.camera_id}' is new, and has none.")
            continue
        try:
            documents.append(row.document(before))
        except (CameraError, RefusedError) as problem:
            problems.append(f"line {row.line}: {problem}")
    if problems:
        _refuse(table, problems, as_json=as_json)
    for document in documents:
        warn_of_password(document)
    return documents


def _refuse(table: Path, problems: list[str], *, as_json: bool) -> NoReturn:
    told = f"{table} cannot be used, and nothing of it was entered."
    if as_json:
        echo_json({"version": VERSION, "problem": told, "problems": problems})
    else:
        click.echo(told, err=True)
        for problem in problems:
            click.echo(f"  {clean(problem)}", err=True)
    raise SystemExit(1)


def _enter_all(
    client: ControlClient, rows: list[Row], documents: list[Json], present: dict[str, Json]
) -> dict[str, list[str]]:
    """Enter each; returns which were added, changed and left.

    Raises:
        AskingError: one could not be entered; those before it are.
    """
    done: dict[str, list[str]] = {"added": [], "changed": [], "unchanged": []}
    with ExitStack() as shown:
        bar = None
        if sys.stderr.isatty():
            bar = shown.enter_context(click.progressbar(length=len(rows), file=sys.stderr))
        for row, document in zip(rows, documents, strict=True):
            before = present.get(row.camera_id)
            try:
                outcome = _enter(client, row, document, before)
            except AskingError as problem:
                raise AskingError(
                    f"line {row.line}, camera '{row.camera_id}': {problem} What is above it in the"
                    " table is entered; to go on, import the same table again."
                ) from None
            done[outcome].append(row.camera_id)
            if bar is not None:
                bar.update(1)
    return done


def _enter(client: ControlClient, row: Row, document: Json, before: Json | None) -> str:
    if before is None:
        client.put_camera(document, 0, row.login if isinstance(row.login, Login) else None)
        return "added"
    if document == before and row.login is KeptLogin.KEPT:
        return "unchanged"
    revision = client.put_camera(document, before["revision"], row.login)
    return "unchanged" if revision == before["revision"] else "changed"
