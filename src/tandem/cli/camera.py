"""`tandem camera`: cameras, one by one."""

from pathlib import Path

import click

from tandem.cli.camera_enter import add, edit, order_for
from tandem.cli.camera_fields import Discreet, find_camera, login_given, login_options
from tandem.cli.camera_import import import_cameras
from tandem.cli.camera_trial import trial_document, trial_text, try_stream
from tandem.cli.common import (
    EXIT_FAILED,
    asking,
    by_number,
    clean,
    echo_json,
    fail,
    json_option,
    settings_at,
    settings_option,
    shortened,
    table,
)
from tandem.cli.quantities import duration, size
from tandem.cluster.model import Protection
from tandem.node.control.client import AskingError, ControlClient
from tandem.node.control.protocol import VERSION, Json, KeptLogin, NewLogin
from tandem.node.home import Home
from tandem.node.seal import Sealer, SealError
from tandem.recording.camera import CameraError, Login, StreamOrder, parse_stream_order
from tandem.recording.source import SourceError


@click.group()
def camera() -> None:
    """Cameras, one by one."""


camera.add_command(add)
camera.add_command(edit)
camera.add_command(import_cameras)


@camera.command("list", epilog="Example: tandem camera list")
@json_option
@settings_option
def list_cameras(as_json: bool, settings_path: Path) -> None:
    """List all cameras, and which nodes are to record them."""
    with asking(settings_path, as_json=as_json) as client:
        document = client.cameras()
    if as_json:
        echo_json(document)
        return
    rows = [("ID", "NAME", "PROTECTION", "PRIMARY", "SECOND", "MBIT/S", "KEPT")]
    for it in sorted(document["cameras"], key=by_number):
        nodes = (it["placement"] or {}).get("nodes", [])
        wanted = Protection(it["protection"]).copies
        primary, second = ([*nodes[:wanted], "-", "-"])[:2]
        rows.append(
            (
                shortened(it["camera_id"], 18),
                shortened(it["name"], 20),
                it["protection"],
                primary,
                second,
                f"{it['bit_rate_mbps']:.1f}",
                ", ".join(_limits(it)) or "no limit",
            )
        )
    for line in table(rows, right=(5,)) if document["cameras"] else ["There are no cameras yet."]:
        click.echo(line)
    for problem in document["problems"]:
        click.echo(clean(problem), err=True)


@camera.command("show", epilog="Example: tandem camera show gate")
@click.argument("camera_text", metavar="CAMERA")
@json_option
@settings_option
def show(camera_text: str, as_json: bool, settings_path: Path) -> None:
    """Show how CAMERA, an id or a name, is to be recorded. Its login is never shown."""
    with asking(settings_path, as_json=as_json) as client:
        document = find_camera(client, camera_text)
    if as_json:
        echo_json(document)
        return
    nodes = (document["placement"] or {}).get("nodes", [])
    lines = [("id", document["camera_id"]), ("name", document["name"])]
    for stream in document["streams"]:
        note = "" if stream["recorded"] else " (live only)"
        lines.append((f"{stream['name']} stream", f"{stream['url']}{note}"))
    lines += [
        ("login", "yes" if document["has_login"] else "none"),
        ("transport", document["transport"]),
        ("sound", "recorded" if document["audio"] else "not recorded"),
        ("protection", document["protection"]),
        ("window", duration(document["window_s"])),
        ("kept", _kept(document)),
        ("bit rate", f"{document['bit_rate_mbps']:g} Mbit/s"),
        ("nodes", ", ".join(nodes) or "none yet"),
        ("revision", str(document["revision"])),
    ]
    for line in table(lines):
        click.echo(line)


@camera.command("remove", epilog="Example: tandem camera remove gate")
@click.argument("camera_text", metavar="CAMERA")
@click.option("--yes", is_flag=True, help="do not ask whether it is meant")
@json_option
@settings_option
def remove(camera_text: str, yes: bool, as_json: bool, settings_path: Path) -> None:
    """Record CAMERA, an id or a name, no more. Its recordings stay for as long as was said.

    Its id is never used again. Exit status: 0 removed, 1 not removed, 2 wrong usage.
    """
    with asking(settings_path, as_json=as_json) as client:
        document = find_camera(client, camera_text)
        camera_id = document["camera_id"]
        if not yes:
            click.confirm(
                clean(f"Record camera '{camera_id}' ({document['name']}) no more?"),
                abort=True,
                err=True,
            )
        client.remove_camera(camera_id, document["revision"])
    if as_json:
        echo_json({"version": VERSION, "camera_id": camera_id})
        return
    click.echo(f"Camera '{camera_id}' is removed. Its recordings stay: kept {_kept(document)}.")


@camera.command("test", cls=Discreet, epilog="Example: tandem camera test gate --seconds 10")
@click.argument("camera_or_url")
@login_options
@click.option("--stream", type=click.Choice(["main", "sub"]), default="main", help="of CAMERA")
@click.option("--udp", is_flag=True, help="receive RTP over UDP, whatever CAMERA says")
@click.option("--audio", is_flag=True, help="receive sound as well")
@click.option(
    "--seconds",
    type=click.FloatRange(0.5, 3600),
    metavar="N",
    default=5.0,
    show_default=True,
    help="how long to watch",
)
@json_option
@settings_option
def test(  # noqa: PLR0913 - the options of a command
    camera_or_url: str,
    user: str | None,
    password_file: Path | None,
    *,
    stream: str,
    udp: bool,
    audio: bool,
    seconds: float,
    as_json: bool,
    settings_path: Path,
) -> None:
    """Receive from a camera for some seconds and tell what comes. Nothing is recorded.

    CAMERA_OR_URL is the id or name of a camera that was entered, whose own login is used; or the
    URL of a stream, without user name and password: rtsp://192.0.2.10/stream1. Ask the camera's
    manual for its path. Exit status: 0 pictures came, 1 they did not, 2 wrong usage.
    """
    if ":/" in camera_or_url or "@" in camera_or_url:  # what may have a password is never an id
        order = _order(camera_or_url, login_given(user, password_file), udp=udp, audio=audio)
    else:
        given = login_given(user, password_file)
        with asking(settings_path, as_json=as_json) as client:
            document = find_camera(client, camera_or_url)
            login = (
                _own_login(client, document, settings_path) if given is KeptLogin.KEPT else given
            )
        if udp:
            document["transport"] = "udp"
        document["audio"] = document["audio"] or audio
        try:
            order = order_for(document, stream, login)
        except CameraError as problem:
            raise click.UsageError(str(problem)) from None
    if not as_json:
        click.echo(f"Watching it for {seconds:g} s ...", err=True)
    try:
        trial = try_stream(order, seconds)
    except SourceError as failure:
        if not as_json:
            fail(f"No pictures ({failure.cause}): {failure}", as_json=False)
        echo_json({"version": VERSION, "cause": failure.cause, "error": str(failure)})
        raise SystemExit(EXIT_FAILED) from None
    if as_json:
        echo_json({"version": VERSION, **trial_document(trial)})
    else:
        click.echo(clean(trial_text(trial)))


def _order(url: str, login: NewLogin, *, udp: bool, audio: bool) -> StreamOrder:
    text: dict[str, object] = {"camera_id": "test", "camera_name": "under test", "url": url}
    if udp:
        text["transport"] = "udp"
    if audio:
        text["audio"] = True
    if isinstance(login, Login):
        text |= {"username": login.username, "password": login.password}
    try:
        return parse_stream_order(text)
    except CameraError as problem:
        raise click.UsageError(str(problem).removeprefix("camera under test: ")) from None


def _own_login(client: ControlClient, document: Json, settings_path: Path) -> Login | None:
    """The login that was entered with a camera.

    Raises:
        AskingError: it cannot be unsealed here.
    """
    if not document["has_login"]:
        return None
    sealed = client.sealed_login(document["camera_id"])
    path = Home(settings_at(settings_path).data).cluster_key
    try:
        sealer = Sealer(path.read_bytes())
        return sealer.unseal(document["camera_id"], sealed) if sealed else None
    except OSError as error:
        raise AskingError(
            f"The camera's login is sealed, and {path} cannot be read: {error.strerror}. Run this"
            " with sudo, or give a login with --user."
        ) from None
    except SealError as problem:
        raise AskingError(str(problem)) from None


def _limits(document: Json) -> list[str]:
    """How long, and how much at most."""
    keep_s, keep_bytes = document["keep_s"], document["keep_bytes"]
    limits = [] if keep_s is None else [duration(keep_s)]
    return limits if keep_bytes is None else [*limits, size(keep_bytes)]


def _kept(document: Json) -> str:
    """The same in words."""
    limits = _limits(document)
    if not limits:
        return "while there is room"
    if document["keep_s"] is None:
        return f"up to {limits[0]} on each node"
    return f"for {limits[0]}" + (f", up to {limits[1]} on each node" if limits[1:] else "")
