"""`tandem camera`: cameras, one by one."""

import asyncio
import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from random import Random

import click

from tandem.clock import SystemClock
from tandem.recording.camera import CameraError, StreamOrder, parse_stream_order
from tandem.recording.process import make_source
from tandem.recording.source import SourceError
from tandem.recording.trial import Trial, try_source

EXIT_FAILED = 1
EXIT_USAGE = 2

CLOCK_WARNING_US = 1_000_000
"""From here on the camera's time is not believed; see `tandem.media.rtp.clock`."""


@click.group()
def camera() -> None:
    """Cameras, one by one."""


@camera.command("test")
@click.argument("url")
@click.option("--user", help="user name; its password is asked for, or read from a file")
@click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="file whose first line is the password",
)
@click.option("--udp", is_flag=True, help="receive RTP over UDP instead of TCP")
@click.option("--audio", is_flag=True, help="receive sound as well")
@click.option("--seconds", default=5.0, show_default=True, help="how long to watch")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def test(
    url: str,
    user: str | None,
    password_file: Path | None,
    udp: bool,
    audio: bool,
    seconds: float,
    as_json: bool,
) -> None:
    """Receive from a camera for some seconds and tell what comes. Nothing is recorded.

    URL is that of the stream, without user name and password: rtsp://192.0.2.10/stream1. Ask the
    camera's manual for its path. Exit status: 0 pictures came, 1 they did not, 2 wrong usage.
    """
    order = _order(url, user, password_file, udp=udp, audio=audio)
    clock, random = SystemClock(), Random()  # noqa: S311 - nonces of a dialogue, no secrets
    source = partial(make_source, clock, random)(order)
    try:
        trial = asyncio.run(try_source(source, clock, seconds))
    except SourceError as failure:
        if as_json:
            click.echo(json.dumps({"version": 1, "cause": failure.cause, "error": str(failure)}))
        else:
            click.echo(f"No pictures: {failure}", err=True)
        raise SystemExit(EXIT_FAILED) from None
    click.echo(_as_json(trial) if as_json else _as_text(trial))


def _order(
    url: str, user: str | None, password_file: Path | None, *, udp: bool, audio: bool
) -> StreamOrder:
    text: dict[str, object] = {"camera_id": "test", "camera_name": "under test", "url": url}
    if udp:
        text["transport"] = "udp"
    if audio:
        text["audio"] = True
    if user:
        text["username"] = user
        text["password"] = _password(password_file)
    try:
        return parse_stream_order(text)
    except CameraError as problem:
        raise click.UsageError(str(problem).removeprefix("camera under test: ")) from None


def _password(password_file: Path | None) -> str:
    if password_file is None:
        return str(click.prompt("Password", hide_input=True, err=True))
    return password_file.read_text().split("\n", 1)[0]


def _as_json(trial: Trial) -> str:
    described = asdict(trial)
    for kind in ("video", "audio"):
        config = described[kind]
        if config is not None:
            described[kind] = {
                name: value
                for name, value in config.items()
                if name not in {"parameter_sets", "specific"}
            }
    return json.dumps({"version": 1, **described})


def _as_text(trial: Trial) -> str:
    lines = []
    if trial.video is not None:
        size = f"{trial.video.width_px}x{trial.video.height_px}"
        lines.append(f"video      {trial.video.codec} {size}")
    lines.append(f"pictures   {trial.pictures_per_s:.1f} a second, {trial.bit_rate_kbps} kbit/s")
    if trial.keyframe_interval_s is not None:
        lines.append(f"keyframes  every {trial.keyframe_interval_s:.1f} s")
    if trial.audio is not None:
        sound = trial.audio
        lines.append(f"sound      {sound.codec} {sound.sample_rate_hz} Hz")
    if trial.lost_packets:
        lines.append(f"lost       {trial.lost_packets} packets: check the network")
    lines.append(f"clock      {_clock(trial.camera_offset_us)}")
    return "\n".join(lines)


def _clock(offset_us: int | None) -> str:
    if offset_us is None:
        return "not told; pictures are timed by their arrival"
    words = f"{abs(offset_us) / 1e6:.3f} s {'ahead of' if offset_us > 0 else 'behind'} this machine"
    if abs(offset_us) > CLOCK_WARNING_US:
        return f"{words}: not believed. Set the camera's time server"
    return words
