"""Encoding material once, by ffmpeg, into a cache directory."""

import os
import random
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from tandem.lab.camera.material import AUDIO_RATE_HZ, Material, load
from tandem.lab.camera.profile import Codec, Gop, Profile

CACHE_VERSION = 1
"""Raise it when equal profiles would be encoded differently."""

_ENCODE_TIMEOUT_S = 900
_NEVER_BY_ITSELF = 100_000
_ENCODER = {Codec.H264: "libx264", Codec.H265: "libx265"}
_PARAMETERS = {
    Codec.H264: "scenecut=0:open-gop=0:repeat-headers=1:b-adapt=0:cabac=1",
    Codec.H265: "log-level=error:scenecut=0:open-gop=0:repeat-headers=1:b-adapt=0:info=0",
}
_SEI_TYPES = {Codec.H264: "6", Codec.H265: "39|40"}


class EncodeError(Exception):
    """ffmpeg is missing or could not encode the material."""


def obtain(profile: Profile, cache: Path, tell: Callable[[str], None]) -> Material:
    """Load a profile's material, and encode it first if the cache lacks it.

    Args:
        profile: what to encode.
        cache: directory for the encoded files; created if absent.
        tell: called with a sentence for the operator before something slow begins.

    Returns:
        The material.

    Raises:
        EncodeError: ffmpeg is missing, failed, or took too long.
    """
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / f"v{CACHE_VERSION}-{profile.name}.nut"
    if not path.exists():
        tell(f"Encoding {profile.length_s} s of {profile.codec} material into {path}.")
        _encode(profile, path)
    return load(path, profile)


def _encode(profile: Profile, path: Path) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    os.close(handle)
    unfinished = Path(name)
    try:
        done = subprocess.run(
            command(profile, unfinished),
            check=False,
            capture_output=True,
            text=True,
            timeout=_ENCODE_TIMEOUT_S,
        )
        if done.returncode:
            raise EncodeError(f"ffmpeg could not encode {path}: {done.stderr.strip()}")
        unfinished.rename(path)
    except FileNotFoundError as error:
        raise EncodeError(
            "Simulated cameras need ffmpeg to encode their pictures, and it is not installed."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise EncodeError(
            f"ffmpeg did not finish {path} in {_ENCODE_TIMEOUT_S} s. "
            "Choose a smaller picture or shorter material."
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)


def command(profile: Profile, path: Path) -> list[str]:
    """Build the ffmpeg command line for a profile.

    Args:
        profile: what to encode.
        path: where to write; NUT keeps Annex B and both timestamps of each picture.

    Returns:
        The command and its arguments.
    """
    size = f"{profile.width_px}x{profile.height_px}"
    picture = f"testsrc2=size={size}:rate={profile.fps},noise=alls=8:allf=t"
    inputs = ["-f", "lavfi", "-i", picture]
    sound: list[str] = []
    if profile.audio:
        inputs += ["-f", "lavfi", "-i", f"sine=frequency=440:sample_rate={AUDIO_RATE_HZ}"]
        sound = ["-map", "1:a", "-c:a", "aac", "-b:a", "32k"]
    length = ["-t", str(profile.length_s), "-map", "0:v"]
    output = ["-f", "nut", str(path)]
    return [
        "ffmpeg",
        "-y",
        "-nostdin",
        "-v",
        "error",
        *inputs,
        *length,
        *_video(profile),
        *sound,
        *output,
    ]


def _video(profile: Profile) -> list[str]:
    rate = f"{profile.bit_rate_kbps}k"
    codec = profile.codec
    slices = f":slices={profile.slices}"
    return [
        *("-c:v", _ENCODER[codec], "-preset", "superfast", "-pix_fmt", "yuv420p"),
        *("-b:v", rate, "-maxrate", rate, "-bufsize", rate),
        *("-bf", str(profile.b_frames), "-forced-idr", "1"),
        *_keyframes(profile),
        *(f"-{_ENCODER[codec].removeprefix('lib')}-params", _PARAMETERS[codec] + slices),
        *("-bsf:v", f"filter_units=remove_types={_SEI_TYPES[codec]}"),
    ]


def _keyframes(profile: Profile) -> list[str]:
    if profile.gop is Gop.FIXED:
        return ["-g", str(round(profile.gop_s * profile.fps))]
    times = ",".join(f"{place / profile.fps:.6f}" for place in _scene_cuts(profile))
    return ["-g", str(_NEVER_BY_ITSELF), "-force_key_frames", times]


def _scene_cuts(profile: Profile) -> list[int]:
    """Draw irregular places for keyframes, the same ones for equal profiles."""
    draw = random.Random(profile.name)  # noqa: S311  nothing secret about a scene cut
    longest = max(2, round(profile.gop_s * profile.fps))
    places = [0]
    while places[-1] < profile.length_s * profile.fps:
        places.append(places[-1] + draw.randint(2, longest))
    return places
