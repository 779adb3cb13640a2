"""What is refused of a camera before it is stored. Pure."""

from typing import Final

from tandem.archive.layout import checked_name
from tandem.cluster.keys import CAMERAS, IdError, key
from tandem.cluster.model import LONGEST_S, Camera
from tandem.node.control.protocol import RefusedError
from tandem.recording.camera import CameraError, StreamName, TransportPreference, check_url

LONGEST_NAME: Final = 120
LONGEST_URL: Final = 2_000
MOST_MBPS: Final = 100_000
"""No camera has it; what is more is a slip of the pen, and would fill a cluster by itself."""


def check_camera(camera: Camera) -> None:
    """Refuse a camera that could not be recorded as it is described.

    Raises:
        RefusedError: names the camera, and says what to write.
    """
    try:
        key(CAMERAS, camera.camera_id)
        checked_name(camera.camera_id)
    except (IdError, ValueError) as problem:
        raise RefusedError(str(problem)) from None
    if not camera.name.strip() or len(camera.name) > LONGEST_NAME or not camera.name.isprintable():
        raise _refused(camera, f"its name has to have 1 to {LONGEST_NAME} printable characters")
    if camera.transport not in set(TransportPreference):
        raise _refused(camera, "its transport has to be tcp or udp")
    if not 1 <= camera.window_s <= LONGEST_S:
        raise _refused(camera, "its window has to be from 1 s to 100 years")
    if not 0 < camera.bit_rate_mbps <= MOST_MBPS:
        raise _refused(camera, f"its bit rate has to be above 0, {MOST_MBPS} Mbit/s at most")
    if (camera.keep_s or 0) > LONGEST_S:
        raise _refused(camera, "recordings that are kept for over 100 years: leave the time out")
    if camera.keep_s == 0 or camera.keep_bytes == 0:
        raise _refused(camera, "recordings that are kept for no time, or in no space, are none")
    _check_streams(camera)


def _check_streams(camera: Camera) -> None:
    names = [stream.name for stream in camera.streams]
    if unknown := set(names) - set(StreamName):
        raise _refused(camera, f"{min(unknown)!r} is no stream; there are main and sub")
    if len(set(names)) != len(names):
        raise _refused(camera, "one of its streams is there twice")
    if not any(stream.recorded for stream in camera.streams):
        raise _refused(camera, "none of its streams is to be recorded")
    for stream in camera.streams:
        if len(stream.url) > LONGEST_URL or not stream.url.isprintable():
            raise _refused(camera, f"the URL of its stream {stream.name} cannot be read")
        try:
            check_url(stream.url, f"'{camera.camera_id}'")
        except CameraError as problem:
            text = str(problem)
            raise RefusedError(f"{text[:1].upper()}{text[1:]}.") from None


def _refused(camera: Camera, why: str) -> RefusedError:
    return RefusedError(f"Camera '{camera.camera_id}': {why}.")
