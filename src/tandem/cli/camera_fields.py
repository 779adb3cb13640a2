"""What may be said of a camera on a command line or in a table, and the document it makes."""

import re
import sys
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from tandem.cli.common import clean, line_width, redacted, wrapped
from tandem.cli.quantities import QuantityError, parse_duration_s, parse_size_bytes
from tandem.cluster.document import StoredValueError, encode
from tandem.cluster.model import Camera, Protection
from tandem.node.control.checks import check_camera
from tandem.node.control.client import AnswerError, AskingError, ControlClient
from tandem.node.control.protocol import Json, KeptLogin, NewLogin, RefusedError
from tandem.recording.camera import CameraError, Login, TransportPreference, check_url

DEFAULTS: Final[Mapping[str, Any]] = {
    "streams": [],
    "protection": Protection.HOT.value,
    "bit_rate_mbps": 4.0,
    "window_s": 600,
    "transport": TransportPreference.TCP.value,
    "audio": False,
    "keep_s": None,
    "keep_bytes": None,
}
"""Of a camera of which nothing is said but where it is."""

FIELDS: Final = ("name", *DEFAULTS)

_PASSWORD_WITHIN: Final = re.compile(r"(?i)[?&/;](pass(word|wd)?|pwd|psw)=[^&/;]")

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Limit:
    """How much is kept; None: without a limit."""

    value: int | None


class _Quantity(click.ParamType[int]):
    """A number with its unit."""

    def __init__(self, name: str, parse: Callable[[str], int]) -> None:
        self.name = name
        self._parse = parse

    def convert(
        self, value: object, param: click.Parameter | None, context: click.Context | None
    ) -> int:
        """See `click.ParamType.convert`."""
        try:
            return self._parse(str(value))
        except QuantityError as problem:
            self.fail(str(problem), param, context)


class _Limited(click.ParamType[Limit]):
    """A number with its unit, or `none`."""

    def __init__(self, name: str, parse: Callable[[str], int]) -> None:
        self.name = name
        self._quantity = _Quantity(name, parse)

    def convert(
        self, value: object, param: click.Parameter | None, context: click.Context | None
    ) -> Limit:
        """See `click.ParamType.convert`."""
        if isinstance(value, Limit):
            return value
        return Limit(None if value == "none" else self._quantity.convert(value, param, context))


class Discreet(click.Command):
    """A command whose wrong usage is told without the logins that a URL may have in it."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """See `click.Command.parse_args`."""
        try:
            return super().parse_args(context, args)
        except click.UsageError as error:
            raise click.UsageError(redacted(error.format_message()), context) from None


_OPTIONS: Final = (
    click.option("--name", help="for people; any text"),
    click.option("--sub", metavar="URL", help="of its small stream, without user and password"),
    click.option(
        "--sub-live-only/--sub-recorded",
        default=None,
        help="whether the small stream is only there to be looked at live",
    ),
    click.option(
        "--protection",
        type=click.Choice([it.value for it in Protection]),
        help="what it is worth; hot unless given",
    ),
    click.option(
        "--window",
        "window_s",
        type=_Quantity("duration", parse_duration_s),
        help="how long the second node keeps its copy (hot, relayed); 10m unless given",
    ),
    click.option(
        "--keep",
        "keep_s",
        type=_Limited("duration", parse_duration_s),
        help="how long recordings are kept, such as 30d; as long as there is room unless given, or "
        "with none",
    ),
    click.option(
        "--keep-size",
        "keep_bytes",
        type=_Limited("size", parse_size_bytes),
        help="how much of them on each node at most, such as 500G; no limit unless given, or with "
        "none",
    ),
    click.option("--audio/--no-audio", default=None, help="whether sound is recorded as well"),
    click.option(
        "--transport",
        type=click.Choice([it.value for it in TransportPreference]),
        help="how RTP travels; tcp unless given",
    ),
    click.option(
        "--bit-rate",
        "bit_rate_mbps",
        type=click.FloatRange(0.01, 1000),
        metavar="MBIT/S",
        help="of all its recorded streams; as measured unless given",
    ),
)


def field_options(command: Command) -> Command:
    """The options by which a camera is described."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def login_options(command: Command) -> Command:
    """The options `--user` and `--password-file`."""
    command = click.option(
        "--password-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="file whose first line is the password",
    )(command)
    return click.option("--user", help="user name; its password is asked for, or read from a file")(
        command
    )


def login_given(user: str | None, password_file: Path | None) -> NewLogin:
    """The login that is to be used; asks for the password where no file has it.

    Raises:
        click.UsageError: there is a password, and no user; or the file cannot be read.
    """
    if user is None:
        if password_file is not None:
            raise click.UsageError("--password-file has a password; say whose with --user.")
        return KeptLogin.KEPT
    if password_file is None:
        return Login(user, str(click.prompt("Password", hide_input=True, err=True)))
    try:
        return Login(user, password_file.read_text("utf-8").split("\n", 1)[0].removesuffix("\r"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise click.UsageError(
            f"The password in {password_file} cannot be read: {reason}."
        ) from None


def warn_of_password(document: Json) -> None:
    """Say that a URL seems to have a password in it where it is no login, as some cameras want it.

    Args:
        document: of a camera.
    """
    if any(_PASSWORD_WITHIN.search(it["url"]) for it in document["streams"]):
        text = (
            f"Warning: a URL of camera '{document['camera_id']}' seems to have a password in it."
            " URLs are kept and shown as they are, by `tandem camera show` too. If the camera takes"
            " it as a login as well, leave it out there and use --user."
        )
        click.echo(wrapped(clean(text), width=line_width(sys.stderr)), err=True)


def is_one_node_too_few(client: ControlClient, entered: Sequence[Json]) -> bool:
    """Whether cameras are meant to be protected, and there is no other node that could.

    Args:
        client: of the cluster.
        entered: documents of the cameras.

    Raises:
        AskingError: the agent does not answer.
    """
    is_meant = any(it["protection"] != Protection.COLD for it in entered)
    return is_meant and not client.node().get("peers")


def note_of_one_node() -> None:
    """Say what a cluster of one node cannot do."""
    text = (
        "Note: this cluster has one node. No other has a copy of its recordings, or stands in when"
        " it fails."
    )
    click.echo(wrapped(text, width=line_width(sys.stderr)), err=True)


def fields_given(options: Mapping[str, object]) -> Json:
    """What was said of a camera: the options that were given, under the names of `with_changes`."""
    given = {name: value for name, value in options.items() if value is not None}
    return {
        name: value.value if isinstance(value, Limit) else value for name, value in given.items()
    }


def with_changes(document: Json, given: Json) -> Json:
    """A camera's document, changed.

    Args:
        document: as the agent shows it, or `DEFAULTS`.
        given: fields of it; and `url`, `sub` (None: no such stream) and `sub_live_only`.

    Raises:
        CameraError: a URL cannot be used, or there is no small stream to be recorded or not.
    """
    label = f"'{document.get('camera_id', 'new')}'"
    streams = {it["name"]: dict(it) for it in document["streams"]}
    for name, key in (("main", "url"), ("sub", "sub")):
        if given.get(key) is not None:
            streams.setdefault(name, {"name": name, "recorded": True})
            streams[name]["url"] = check_url(given[key], label)
        elif key in given:
            streams.pop(name, None)
    if "sub_live_only" in given:
        if "sub" not in streams:
            raise CameraError(f"camera {label}: it has no small stream; give its URL with --sub")
        streams["sub"]["recorded"] = not given["sub_live_only"]
    plain = {name: value for name, value in given.items() if name in FIELDS}
    return {**document, **plain, "streams": list(streams.values())}


def checked(document: Json) -> Json:
    """A camera's document, after the agent's own checks.

    Raises:
        RefusedError: the agent would refuse it.
    """
    fields = {name: document[name] for name in FIELDS}
    try:
        check_camera(Camera.decode(document["camera_id"], encode(fields)))
    except StoredValueError as problem:
        text = str(problem).replace("What the store holds of ", "", 1)
        raise RefusedError(f"{text[:1].upper()}{text[1:]}") from None
    return document


def id_from(name: str) -> str:
    """An id made of a name: "Tor Süd 2" becomes "tor-sud-2"; empty where nothing is left of it."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9._]+", "-", plain).strip("-._")[:63]


def find_camera(client: ControlClient, text: str) -> Json:
    """A camera by its id, or by its name if only one has it.

    Raises:
        AskingError: there is none, or several.
    """
    try:
        return client.camera(text)
    except AnswerError as answer:
        if answer.status not in {400, 404}:
            raise
        cameras = client.cameras()["cameras"]
        named = [it for it in cameras if it["name"] == text] or [
            it for it in cameras if it["name"].casefold() == text.casefold()
        ]
        if len(named) > 1:
            ids = ", ".join(it["camera_id"] for it in named)
            raise AskingError(f"Several cameras are called '{text}': {ids}. Give the id.") from None
        if not named:
            # A URL may have a password in it, wherever in it cameras want theirs.
            meant = "of that URL by its name" if ":/" in text else f"'{text}'"
            raise AskingError(
                f"There is no camera {meant}. `tandem camera list` has them all."
            ) from None
        return dict(named[0])
