"""The cameras of a lab: a mix as a site would have it, with pictures small enough for two cores.

Every camera's pictures are marked with their numbers, and what was sent is in its ledger.
"""

from dataclasses import dataclass
from typing import Any

from tandem.cluster.model import Camera, Stream
from tandem.lab.cluster.plan import ClusterPlan
from tandem.lab.hosts import camera_address

RTSP_PORT = 554
LOGIN = {"username": "admin", "password": "lab"}

_SMALL: dict[str, Any] = {"width_px": 320, "height_px": 192, "bit_rate_kbps": 256}
_SEND_BUFFER_BYTES = 16 << 10
"""Half a second: what is in it counts as delivered, though a node that died never had it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of camera.

    Attributes:
        name: for people.
        profile: what its encoder is set to, beside the size of the picture.
        has_login: whether it asks for a password.
        start: what a client receives first (`tandem.lab.camera.config.Start`).
    """

    name: str
    profile: dict[str, Any]
    has_login: bool = False
    start: str = "next-keyframe"


KINDS = (
    Kind("H.264, GOP 2 s", {}),
    Kind("H.265, GOP 2 s", {"codec": "h265"}),
    Kind("H.264, B-frames", {"b_frames": 2}, has_login=True),
    Kind("H.264, GOP 10 s", {"gop_s": 10.0}, start="immediately"),
    Kind("H.264, variable GOP", {"gop": "variable", "gop_s": 4.0}),
    Kind("H.265, 15 fps, GOP 4 s", {"codec": "h265", "fps": 15, "gop_s": 4.0}, has_login=True),
)


def camera_id(number: int) -> str:
    """What the cluster calls a camera; numbers begin at 1."""
    return f"camera-{number}"


def kind_of(number: int) -> Kind:
    """Of which kind a camera is."""
    return KINDS[(number - 1) % len(KINDS)]


def as_configured(plan: ClusterPlan) -> dict[str, Any]:
    """What the camera server is told (`tandem.lab.camera.config`)."""
    return {
        "version": 1,
        "cameras": [_configured(number, plan) for number in range(1, plan.cameras + 1)],
    }


def as_entered(number: int, plan: ClusterPlan) -> Camera:
    """A camera as an administrator would enter it."""
    url = f"rtsp://{camera_address(number)}:{RTSP_PORT}/camera/{number}"
    return Camera(
        camera_id=camera_id(number),
        name=f"{kind_of(number).name} ({number})",
        streams=(Stream("main", url),),
        protection=plan.protection,
        bit_rate_mbps=_SMALL["bit_rate_kbps"] / 1000,
        window_s=plan.window_s,
    )


def _configured(number: int, plan: ClusterPlan) -> dict[str, Any]:
    kind = kind_of(number)
    login = {"auth": "digest", "user": LOGIN["username"], "password": LOGIN["password"]}
    return {
        "number": number,
        "address": str(camera_address(number)),
        "port": RTSP_PORT,
        "profile": _SMALL | kind.profile,
        "unique_pictures": True,
        "start": kind.start,
        "send_buffer_bytes": _SEND_BUFFER_BYTES,
        "session_timeout_s": plan.session_timeout_s,
        **(login if kind.has_login else {}),
    }
