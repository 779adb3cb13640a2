"""Trying a camera from the command line: what it sends, told in words and in JSON."""

import asyncio
from dataclasses import asdict
from random import Random
from typing import Any, Final

from tandem.cli.quantities import duration
from tandem.clock import SystemClock
from tandem.recording.camera import StreamOrder
from tandem.recording.process import make_source
from tandem.recording.trial import Trial, try_source

CLOCK_WARNING_US: Final = 1_000_000
"""From here on the camera's time is not believed; see `tandem.media.rtp.clock`."""

_LONG_S: Final = 60
"""From here on milliseconds tell nobody anything."""


def try_stream(order: StreamOrder, seconds: float) -> Trial:
    """Receive from a camera for a while. Blocks.

    Raises:
        SourceError: it cannot be received.
    """
    clock, random = SystemClock(), Random()  # noqa: S311 - nonces of a dialogue, no secrets
    return asyncio.run(try_source(make_source(clock, random, order), clock, seconds))


def trial_document(trial: Trial) -> dict[str, Any]:
    """A trial as JSON."""
    described = asdict(trial)
    for kind in ("video", "audio"):
        config = described[kind]
        if config is not None:
            described[kind] = {
                name: value
                for name, value in config.items()
                if name not in {"parameter_sets", "specific"}
            }
    return described


def trial_text(trial: Trial) -> str:
    """A trial in words, line by line."""
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
    off_s = abs(offset_us) / 1e6
    far = f"{off_s:.3f} s" if off_s < _LONG_S else duration(off_s)
    words = f"{far} {'ahead of' if offset_us > 0 else 'behind'} this machine"
    if abs(offset_us) > CLOCK_WARNING_US:
        return f"{words}: not believed. Set the camera's time server"
    return words
