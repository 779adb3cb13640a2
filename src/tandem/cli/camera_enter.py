"""`tandem camera add` and `edit`: entering cameras, and changing them."""

import math
from pathlib import Path
from typing import Final

import click

from tandem.cli.camera_fields import (
    DEFAULTS,
    Discreet,
    checked,
    field_options,
    fields_given,
    find_camera,
    id_from,
    is_one_node_too_few,
    login_given,
    login_options,
    note_of_one_node,
    warn_of_password,
    with_changes,
)
from tandem.cli.camera_trial import trial_document, trial_text, try_stream
from tandem.cli.common import (
    asking,
    clean,
    echo_json,
    ended,
    fail,
    json_option,
    settings_option,
)
from tandem.node.control.client import AnswerError, AskingError, ControlClient
from tandem.node.control.protocol import VERSION, Json, KeptLogin, NewLogin, RefusedError
from tandem.recording.camera import CameraError, Login, StreamOrder, parse_stream_order
from tandem.recording.source import SourceError
from tandem.recording.trial import Trial

TRIAL_S: Final = 5.0
MOST_ATTEMPTS: Final = 5


@click.command(
    "add",
    cls=Discreet,
    epilog="Example: tandem camera add 'Main gate' rtsp://192.0.2.10/stream1 --user viewer"
    " --protection hot --keep 30d",
)
@click.argument("name_or_id", metavar="NAME")
@click.argument("url")
@click.option("--id", "camera_id", help="in paths and scripts, for ever; made of NAME unless given")
@field_options
@login_options
@click.option("--no-test", is_flag=True, help="do not try whether pictures come")
@json_option
@settings_option
def add(
    name_or_id: str,
    url: str,
    *,
    camera_id: str | None,
    user: str | None,
    password_file: Path | None,
    no_test: bool,
    as_json: bool,
    settings_path: Path,
    **options: object,
) -> None:
    """Enter the camera NAME, after trying whether pictures come from URL.

    URL is that of the stream, without user name and password: rtsp://192.0.2.10/stream1. They are
    kept sealed, and are shown nowhere. If no pictures come, nothing is entered.

    Exit status: 0 entered, 1 not entered, 2 wrong usage.
    """
    if ":/" in name_or_id:
        raise click.UsageError("NAME comes first, and then its URL.")
    given = fields_given(options)
    document = {**DEFAULTS, "name": name_or_id, "camera_id": camera_id or id_from(name_or_id)}
    if not document["camera_id"]:
        raise click.UsageError("No id can be made of this name. Give one with --id.")
    try:
        document = checked(with_changes(document, {**given, "url": url}))
    except (CameraError, RefusedError) as problem:
        raise click.UsageError(str(problem)) from None
    warn_of_password(document)
    login = login_given(user, password_file)
    with asking(settings_path, as_json=as_json) as client:
        _refuse_second(client, document["camera_id"])
        trials = {} if no_test else _try_all(document, login, as_json=as_json)
        if trials and "bit_rate_mbps" not in given:
            document["bit_rate_mbps"] = _measured_mbps(trials)
        client.put_camera(document, 0, None if login is KeptLogin.KEPT else login)
        entered = client.camera(document["camera_id"])
        is_alone = is_one_node_too_few(client, [entered])
    if as_json:
        tried = {name: trial_document(trial) for name, trial in trials.items()}
        echo_json({"version": VERSION, "camera": entered, "trials": tried})
        return
    rate = f"{entered['bit_rate_mbps']:g} Mbit/s"
    click.echo(
        clean(
            f"Camera '{entered['camera_id']}' ({entered['name']}) is entered: "
            f"{entered['protection']}, {rate}. `tandem status` tells when it is recorded."
        )
    )
    if is_alone:
        note_of_one_node()


def _refuse_second(client: ControlClient, camera_id: str) -> None:
    """Before a trial takes its time; what is entered meanwhile the agent refuses."""
    try:
        client.camera(camera_id)
    except AnswerError as answer:
        if answer.is_not_found:
            return
        raise
    raise AskingError(
        f"Camera '{camera_id}' is there already. Change it with `tandem camera edit {camera_id}`,"
        " or give the new one another id with --id."
    )


def _try_all(document: Json, login: NewLogin, *, as_json: bool) -> dict[str, Trial]:
    """Try each stream that is to be recorded; one that fails ends the command."""
    trials: dict[str, Trial] = {}
    for stream in document["streams"]:
        if not stream["recorded"]:
            continue
        name = stream["name"]
        if not as_json:
            click.echo(f"Trying its {name} stream for {TRIAL_S:.0f} s ...", err=True)
        try:
            trials[name] = try_stream(order_for(document, name, login), TRIAL_S)
        except SourceError as failure:
            fail(
                f"No pictures come from its {name} stream ({failure.cause}): {ended(str(failure))}"
                " Nothing was entered. Mend it and try again, or enter it as it is with --no-test.",
                as_json=as_json,
            )
        if not as_json:
            click.echo(clean(trial_text(trials[name])))
    return trials


def order_for(document: Json, stream: str, login: NewLogin) -> StreamOrder:
    """The order to receive one stream of a camera.

    Raises:
        CameraError: the camera has no such stream, or it cannot be used.
    """
    urls = {it["name"]: it["url"] for it in document["streams"]}
    if stream not in urls:
        raise CameraError(f"camera '{document['camera_id']}' has no {stream} stream")
    text: dict[str, object] = {
        "camera_id": document["camera_id"],
        "camera_name": document["name"],
        "stream": stream,
        "url": urls[stream],
        "transport": document["transport"],
        "audio": document["audio"],
    }
    if isinstance(login, Login):
        text |= {"username": login.username, "password": login.password}
    return parse_stream_order(text)


def _measured_mbps(trials: dict[str, Trial]) -> float:
    """What was measured, rounded up to a tenth: pictures of a quiet scene are small."""
    kbps = sum(trial.bit_rate_kbps for trial in trials.values())
    return max(1, math.ceil(kbps / 100)) / 10


@click.command(
    "edit", cls=Discreet, epilog="Example: tandem camera edit gate --protection mirror --keep 90d"
)
@click.argument("camera")
@click.option("--url", help="of its main stream, without user and password")
@field_options
@click.option("--no-sub", is_flag=True, help="it has no small stream any more")
@login_options
@click.option("--no-login", is_flag=True, help="it asks for no user and password any more")
@json_option
@settings_option
def edit(
    camera: str,
    *,
    no_sub: bool,
    user: str | None,
    password_file: Path | None,
    no_login: bool,
    as_json: bool,
    settings_path: Path,
    **options: object,
) -> None:
    """Change CAMERA, an id or a name. What is not given stays as it is.

    Exit status: 0 it is as wanted, 1 it is not, 2 wrong usage.
    """
    given = fields_given(options)
    if no_sub:
        if "sub" in given or "sub_live_only" in given:
            raise click.UsageError("--no-sub takes away what the other options describe.")
        given["sub"] = None
    if no_login and user is not None:
        raise click.UsageError("Give either --user or --no-login.")
    login = None if no_login else login_given(user, password_file)
    if not given and login is KeptLogin.KEPT:
        raise click.UsageError("Nothing is to be changed. See `tandem camera edit --help`.")
    with asking(settings_path, as_json=as_json) as client:
        read = find_camera(client, camera)
        revision = _change(client, read, given, login)
        now = client.camera(read["camera_id"])
    if "url" in given or "sub" in given:
        warn_of_password(now)
    if as_json:
        echo_json({"version": VERSION, "camera": now, "changed": revision != read["revision"]})
    elif revision == read["revision"]:
        click.echo(f"Camera '{now['camera_id']}' was like that already.")
    else:
        click.echo(f"Camera '{now['camera_id']}' is changed.")


def _change(client: ControlClient, read: Json, given: Json, login: NewLogin) -> int:
    """Change a camera; what somebody else changes meanwhile is kept, unless it is the same.

    Raises:
        AskingError: it cannot be changed so, or somebody else has changed the same.
    """
    base = read
    for _ in range(MOST_ATTEMPTS):
        try:
            wanted = checked(with_changes(base, given))
        except (CameraError, RefusedError) as problem:
            raise AskingError(str(problem)) from None
        try:
            return client.put_camera(wanted, base["revision"], login)
        except AnswerError as answer:
            current = answer.document.get("camera")
            if not answer.is_conflict or current is None:
                raise
            ours = {name for name in wanted if wanted[name] != base[name]}
            if both := sorted(name for name in ours if current[name] != base[name]):
                raise AskingError(
                    f"Camera '{base['camera_id']}': somebody else has changed {', '.join(both)}"
                    " just now. Look with `tandem camera show`, and try again."
                ) from None
            base = current
    raise AskingError(
        f"Camera '{read['camera_id']}' is changed by somebody else again and again. Try later."
    )
