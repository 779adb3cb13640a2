"""`tandem export`: a time of a camera as files that anybody can play."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from tandem.archive.export.errors import TargetError
from tandem.archive.export.export import Phase, Progress, export
from tandem.archive.export.output import check_target
from tandem.archive.export.planning import Request
from tandem.archive.export.result import ExportedFile, ExportResult
from tandem.cli.camera_fields import Discreet
from tandem.cli.common import EXIT_FAILED, clean, echo_json
from tandem.cli.recordings import (
    EXIT_MISSING,
    Question,
    asks_for_recordings,
    echo_missing,
    echo_unreachable,
    fail,
    length,
    moment,
    opened,
    read_interval,
)
from tandem.clock import Clock, SystemClock


def _read_target(_context: click.Context, _option: click.Parameter, text: str) -> Path:
    """The file that is asked for: a name in a directory."""
    if text == "-":
        raise click.BadParameter(
            "an export cannot go to standard output: it is verified to its end before it is there. "
            "Name a file; a file named '-' is './-'."
        )
    if not text or text.endswith("/"):
        raise click.BadParameter(f"'{text}' names no file, as in '{text}gate.mp4'.")
    return Path(text)


@click.command("export", cls=Discreet)
@asks_for_recordings
@click.option(
    "-o",
    "--output",
    "target",
    required=True,
    metavar="FILE",
    callback=_read_target,
    help="the file: FILE.mp4; further ones are FILE-2.mp4, FILE-3.mp4",
)
@click.option("--force", is_flag=True, help="replace files that are there")
def export_command(
    camera: str,
    from_text: str,
    to_text: str,
    stream: str,
    as_json: bool,
    settings_path: Path,
    target: Path,
    force: bool,
) -> None:
    """Write a time of CAMERA to an MP4 file, each frame that any node has exactly once.

    CAMERA is an id or a name. TIME is RFC 3339 (2026-11-22T14:00:00+01:00), or 2026-11-22 14:00 in
    this machine's time zone, or how long ago (-10m, -90s, -1h30m), or now.

    Exit status: 0 all of the time is there, 3 some of it is missing, 4 nothing is recorded, 1 it
    failed, 2 wrong usage.
    """
    clock = SystemClock()
    now_us = clock.utc_us()
    wanted = read_interval(from_text, to_text, now_us)
    question = Question(camera, stream, wanted, settings_path, as_json)
    try:
        with _ended_by_signals():
            result = _export(question, now_us, target, _Shown(clock), replaces=force)
    except KeyboardInterrupt:
        fail("The export was stopped. No file was written.", question, EXIT_FAILED)
    if as_json:
        echo_json(result.to_json())
    else:
        _echo(result)
    if result.missing:
        raise SystemExit(EXIT_MISSING)


def _export(
    question: Question, now_us: int, target: Path, progress: "_Shown", *, replaces: bool
) -> ExportResult:
    try:
        check_target(target, replaces=replaces)
    except TargetError as problem:
        fail(str(problem), question, EXIT_FAILED)
    with opened(question, now_us) as found:
        request = Request(
            camera_id=found.camera_id,
            stream=question.stream,
            wanted=found.wanted,
            target=target,
            unreachable=found.recordings.unreachable,
            replaces=replaces,
        )
        try:
            return export(found.recordings.sources, request, progress.show)
        finally:
            progress.wipe()


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """End as on Ctrl-C, so that nothing half written is left: when killed, or hung up on."""
    before = {sent: signal.getsignal(sent) for sent in (signal.SIGTERM, signal.SIGHUP)}
    for sent, handler in before.items():
        if handler is not signal.SIG_IGN:  # as `nohup` has it
            signal.signal(sent, signal.default_int_handler)
    try:
        yield
    finally:
        for sent, handler in before.items():
            signal.signal(sent, handler)


class _Shown:
    """Progress on a terminal, once it is worth a look.

    Args:
        clock: of this node.
    """

    _AFTER_US = 1_000_000
    _EACH_US = 200_000

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next_us = clock.boot_us() + self._AFTER_US
        self._is_shown = False
        self._is_terminal = sys.stderr.isatty()

    def show(self, progress: Progress) -> None:
        """Tell how far it is, a few times a second."""
        now_us = self._clock.boot_us()
        if not self._is_terminal or now_us < self._next_us:
            return
        self._next_us = now_us + self._EACH_US
        self._is_shown = True
        share = 100 * progress.done // max(progress.total, 1)
        word = "comparing the copies" if progress.phase is Phase.JOINING else "writing"
        click.echo(f"\r\033[K{word}: {share} %", err=True, nl=False)

    def wipe(self) -> None:
        """Leave nothing of it."""
        if self._is_shown:
            click.echo("\r\033[K", err=True, nl=False)


def _echo(result: ExportResult) -> None:
    for file in result.files:
        _echo_file(file)
    shares = [
        f"{copy.node_id} {copy.frames_taken:,} (has {copy.frames_held:,})"
        for copy in result.copies
        if copy.frames_held
    ]
    click.echo(f"Frames from: {', '.join(shares)}")
    if result.missing:
        click.echo("Missing:")
    for one in result.missing:
        echo_missing(one.from_us, one.to_us, one.cause, one.detail, one.unreachable_nodes)
    echo_unreachable(result.unreachable)
    if result.problems:
        click.echo("Could not be used, or not all of it:")
    for problem in result.problems:
        click.echo(f"  {problem.node_id}: {problem.path}: {clean(problem.sentence)}")
    if result.separate_encodings:
        groups = "; ".join(", ".join(nodes) for nodes in result.separate_encodings)
        click.echo(f"The camera encodes for each client; joined by time at keyframes: {groups}")


def _echo_file(file: ExportedFile) -> None:
    codecs = f"{file.video_codec} and {file.audio_codec}" if file.audio_codec else file.video_codec
    shown_us = sum(span.to_us - span.from_us for span in file.spans)
    click.echo(
        f"{file.path}: {file.frames:,} {'frame' if file.frames == 1 else 'frames'}, "
        f"{length(shown_us)}, "
        f"{file.size_bytes / 1e6:,.1f} MB, {codecs}"
    )
    for span in file.spans:
        shown = length(span.to_us - span.from_us)
        click.echo(
            f"  {moment(span.from_us)} - {moment(span.to_us)}  {shown:>10}  at {_place(span.at_us)}"
        )


def _place(at_us: int) -> str:
    """Where something is in a file, as players show it."""
    minutes, seconds = divmod(at_us / 1e6, 60)
    return f"{int(minutes) // 60}:{int(minutes) % 60:02}:{seconds:04.1f}"
