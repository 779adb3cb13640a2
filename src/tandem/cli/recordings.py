"""What `tandem export` and `tandem coverage` share: which camera, which time, whom to ask."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final, NoReturn, TypeVar

import click

from tandem.archive.errors import ArchiveError
from tandem.archive.export.errors import NothingRecordedError
from tandem.archive.export.result import rfc3339
from tandem.archive.export.source import Unreachable
from tandem.archive.rows import Interval
from tandem.cli.common import (
    EXIT_FAILED,
    clean,
    echo_json,
    json_option,
    redacted,
    settings_option,
    wrapped,
)
from tandem.cli.times import TimeError, parse_time
from tandem.clock import SystemClock
from tandem.node.authority import AuthorityError
from tandem.node.control.client import AskingError, ControlClient
from tandem.node.home import Home
from tandem.node.retrieval.finding import (
    FRESH_US,
    CameraUnknownError,
    Named,
    find_camera,
    settled_end_us,
)
from tandem.node.retrieval.outside import gaps_outside
from tandem.node.retrieval.recordings import Recordings, RetrievalError, open_recordings
from tandem.node.settings import NodeSettings, read_settings
from tandem.node.toml_table import SettingsError

EXIT_MISSING: Final = 3
EXIT_NOTHING: Final = 4

_RECENT_US: Final = 60_000_000
"""How far back to look for what is recorded now."""

_AT_ONCE_S: Final = 1.0
"""Within which an agent tells what it has in memory."""

Command = TypeVar("Command", bound=Callable[..., None])


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody wants to see.

    Attributes:
        camera: an id, or a name.
        stream: which of its streams.
        wanted: the time.
        settings: of this node.
        as_json: whether a program reads the answer.
    """

    camera: str
    stream: str
    wanted: Interval
    settings: Path
    as_json: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """What the cluster has of what somebody wants to see.

    Attributes:
        recordings: of all nodes.
        camera_id: the camera that was meant.
        wanted: the time, up to what can be on a disk now.
        camera: as this node's agent tells it; None where it does not.
    """

    recordings: Recordings
    camera_id: str
    wanted: Interval
    camera: Mapping[str, Any] | None


def asks_for_recordings(command: Command) -> Command:
    """Give a command the options that say what is wanted."""
    options = (
        click.argument("camera", callback=_read_camera),
        click.option("--from", "from_text", required=True, metavar="TIME", help="from when on"),
        click.option(
            "--to", "to_text", default="now", show_default=True, metavar="TIME", help="until when"
        ),
        click.option("--stream", default="main", show_default=True, help="which of its streams"),
        json_option,
        settings_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


def _read_camera(_context: click.Context, _option: click.Parameter, text: str) -> str:
    """What may be a camera; a URL is not repeated, since it may have a password in it."""
    if ":/" in text:
        raise click.BadParameter("a camera is asked for by its id or its name, and by no URL.")
    return text


def read_interval(from_text: str, to_text: str, now_us: int) -> Interval:
    """Read both ends of a time.

    Raises:
        click.UsageError: one is no time, or they are the wrong way round.
    """
    ends = []
    for option, text in (("--from", from_text), ("--to", to_text)):
        try:
            ends.append(parse_time(text, now_us))
        except TimeError as problem:
            raise click.UsageError(f"{option}: {problem}") from None
    wanted = Interval(*ends)
    if wanted.from_us >= now_us:
        raise click.UsageError(f"--from ({rfc3339(wanted.from_us)}) has not come yet.")
    if wanted.from_us >= wanted.to_us:
        raise click.UsageError(
            f"--from ({rfc3339(wanted.from_us)}) is not before --to ({rfc3339(wanted.to_us)})."
        )
    return wanted


@contextmanager
def opened(question: Question, now_us: int) -> Iterator[Opened]:
    """Ask the cluster; what goes wrong in here, or while it is read, ends the program.

    Args:
        question: what is wanted.
        now_us: the time, UTC.
    """
    extent: Interval | None = None
    try:
        settings = read_settings(question.settings)
        suspected = _suspected(settings)
        jitter = Random()  # noqa: S311 - nobody gains by guessing it
        with open_recordings(settings, SystemClock(), jitter, suspected) as found:
            cameras = _cameras(settings)
            camera_id = find_camera(
                question.camera,
                _named(cameras),
                found.camera_ids,
                [source.node_id for source in found.sources],
            )
            _check_stream(found, camera_id, question.stream)
            wanted = _settled(found, camera_id, question, now_us)
            extent = found.extent(camera_id, question.stream)
            camera = (cameras or {}).get(camera_id)
            if extent is not None and not found.unreachable:
                is_removed = cameras is not None and camera is None
                outside = gaps_outside(camera_id, question.stream, extent, is_removed=is_removed)
                for source in found.sources:
                    source.outside = outside
            yield Opened(found, camera_id, wanted, camera)
    except NothingRecordedError as problem:
        known = "" if extent is None else f" What is there lies between {_told(extent)}."
        fail(f"{problem}{known}", question, EXIT_NOTHING)
    except (
        ArchiveError,
        AuthorityError,
        CameraUnknownError,
        RetrievalError,
        SettingsError,
    ) as problem:
        fail(str(problem), question, EXIT_FAILED)


def fail(problem: str, question: Question, status: int) -> NoReturn:
    """Say what went wrong, and end."""
    told = redacted(problem)
    if question.as_json:
        echo_json({"version": 1, "problem": told})
    else:
        click.echo(wrapped(clean(told)), err=True)
    raise SystemExit(status)


def moment(time_us: int) -> str:
    """A time for people: UTC, to the millisecond."""
    return f"{rfc3339(time_us)[:23]}Z"


def length(span_us: int) -> str:
    """How long something is, for people."""
    if span_us < 60_000_000:
        return f"{span_us / 1e6:.1f} s"
    minutes, seconds = divmod(round(span_us / 1e6), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes:02} min {seconds:02} s" if hours else f"{minutes} min {seconds:02} s"
    )


def echo_missing(from_us: int, to_us: int, cause: str, detail: str, nodes: Sequence[str]) -> None:
    """Print one stretch that is not there."""
    why = clean(f"{cause}: {detail}" if detail else cause)
    held = f" (may be on {', '.join(nodes)})" if nodes else ""
    click.echo(f"  {moment(from_us)} - {moment(to_us)}  {length(to_us - from_us):>10}  {why}{held}")


def echo_unreachable(unreachable: Sequence[Unreachable]) -> None:
    """Print what could not be asked."""
    if unreachable:
        click.echo("Not reached:")
    for copy in unreachable:
        click.echo(f"  {copy.node_id}: {clean(copy.reason)}")


def _cameras(settings: NodeSettings) -> dict[str, Mapping[str, Any]] | None:
    """The cluster's cameras by their ids; None where this node's agent does not tell."""
    try:
        told = ControlClient(Home(settings.data).socket).cameras()["cameras"]
        return {str(camera["camera_id"]): dict(camera) for camera in told}
    except (AskingError, KeyError, TypeError):
        return None


def _suspected(settings: NodeSettings) -> set[str]:
    """The nodes that this node does not hear; none where its agent does not tell at once."""
    try:
        told = ControlClient(Home(settings.data).socket, _AT_ONCE_S).node()["peers"]
        return {str(peer["node_id"]) for peer in told if peer["suspected"] is True}
    except (AskingError, KeyError, TypeError):
        return set()


def _named(cameras: Mapping[str, Mapping[str, Any]] | None) -> list[Named] | None:
    if cameras is None:
        return None
    return [Named(camera_id, str(camera["name"])) for camera_id, camera in cameras.items()]


def _told(extent: Interval) -> str:
    return f"{rfc3339(extent.from_us)} and {rfc3339(extent.to_us)}"


def _check_stream(found: Recordings, camera_id: str, stream: str) -> None:
    streams = found.streams(camera_id)
    if streams and stream not in streams and not found.unreachable:
        raise NothingRecordedError(
            f"Nothing is recorded of stream '{stream}' of camera {camera_id}. It has "
            f"{', '.join(streams)}."
        )


def _settled(found: Recordings, camera_id: str, question: Question, now_us: int) -> Interval:
    """The time that is wanted, without the last seconds, which are on the way to a disk."""
    from_us, to_us = question.wanted
    newest = []
    if to_us > now_us - FRESH_US:
        for source in found.sources:
            try:
                since_us = now_us - _RECENT_US
                newest += source.segments(camera_id, question.stream, since_us, now_us)
            except ArchiveError:
                continue  # it is asked again for what is wanted, and told if it fails again
    return Interval(from_us, max(settled_end_us(to_us, now_us, newest), from_us + 1))
