"""The configuration of simulated cameras, read from JSON."""

import enum
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tandem.lab.camera.auth import Scheme
from tandem.lab.camera.profile import Gop, Profile
from tandem.lab.camera.settings import check

CONFIG_VERSION = 1


class ConfigError(Exception):
    """The configuration cannot be used; the message says which camera and why."""


class Start(enum.StrEnum):
    """What a client receives first."""

    NEXT_KEYFRAME = "next-keyframe"
    CACHED_GOP = "cached-gop"
    IMMEDIATELY = "immediately"


class SlowClient(enum.StrEnum):
    """What happens to a client that does not keep up."""

    DISCONNECT = "disconnect"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class CameraConfig:
    """One simulated camera.

    Attributes:
        number: camera number, 1 to 2^32 - 1; in every picture's mark.
        path: path of the RTSP address; /camera/NUMBER unless set.
        address: address to listen on.
        port: TCP port to listen on; 0 takes a free one. Cameras may share address and port.
        profile: settings of the encoder.
        alternate: settings after the fault `parameter-change`; of the same frame rate.
        encoders: how many encoders share the clients; each encodes the same scene differently.
        start: what a client receives first.
        marked: whether pictures carry their number.
        unique_pictures: whether slices differ in every loop of the material.
        auth: how the camera asks for a password.
        user: user name.
        password: password.
        session_timeout_s: a session unheard of for so long ends.
        session_limit: most sessions at a time; 0 for no limit.
        report_interval_s: seconds between sender reports.
        slow_client: what happens to a client that does not keep up.
        backlog_limit_bytes: how far a client may fall behind.
        send_buffer_bytes: the kernel's buffer per connection, small as in a camera.
    """

    number: int
    path: str = ""
    address: str = "127.0.0.1"
    port: int = 0
    profile: Profile = field(default_factory=Profile)
    alternate: Profile | None = None
    encoders: int = 1
    start: Start = Start.NEXT_KEYFRAME
    marked: bool = True
    unique_pictures: bool = False
    auth: Scheme = Scheme.NONE
    user: str = ""
    password: str = ""
    session_timeout_s: float = 60.0
    session_limit: int = 0
    report_interval_s: float = 5.0
    slow_client: SlowClient = SlowClient.DISCONNECT
    backlog_limit_bytes: int = 4 << 20
    send_buffer_bytes: int = 256 << 10

    def __post_init__(self) -> None:
        """Refuse what cannot be played."""
        if not 1 <= self.number < 1 << 32:
            raise ValueError("number has to be from 1 to 4294967295.")
        if self.alternate is not None and (
            self.alternate.fps != self.profile.fps or self.alternate.codec != self.profile.codec
        ):
            raise ValueError("profile and alternate need the same fps and codec.")
        if self.encoders > 1 and self.profile.gop is Gop.VARIABLE:
            raise ValueError("several encoders need a fixed GOP, so that their keyframes agree.")
        if not 1 <= self.encoders <= 4:
            raise ValueError("encoders has to be from 1 to 4.")

    @property
    def url_path(self) -> str:
        """Path of the RTSP address, with a leading slash."""
        return "/" + (self.path or f"camera/{self.number}").strip("/")

    def variants(self, profile: Profile) -> tuple[Profile, ...]:
        """Return one profile per encoder: same pictures, other bit rate, so other bytes."""
        rate = profile.bit_rate_kbps
        return tuple(
            replace(profile, bit_rate_kbps=rate * (10 - 2 * place) // 10)
            for place in range(self.encoders)
        )


_PROFILES = {"profile", "alternate"}


def read_config(path: Path) -> tuple[CameraConfig, ...]:
    """Read the cameras from a file `{"version": 1, "cameras": [{"number": 1, ...}, ...]}`.

    Args:
        path: the file.

    Returns:
        The cameras.

    Raises:
        ConfigError: the file is missing, is no JSON, or a camera cannot be used.
    """
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"Cannot read the cameras from {path}: {error}.") from error
    if not isinstance(content, dict) or content.get("version") != CONFIG_VERSION:
        raise ConfigError(f'{path} has to be an object with "version": {CONFIG_VERSION}.')
    listed = content.get("cameras")
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise ConfigError(f'"cameras" in {path} has to be a list of objects, one a camera.')
    cameras = tuple(_camera(path, settings) for settings in listed)
    places = [(one.address, one.port or one.number, one.url_path) for one in cameras]
    numbers = [one.number for one in cameras]
    if len(set(numbers)) < len(numbers) or len(set(places)) < len(places) or not cameras:
        raise ConfigError(f"{path} needs cameras, each with its own number and its own path.")
    return cameras


def _camera(path: Path, settings: dict[str, Any]) -> CameraConfig:
    try:
        known = check(CameraConfig, settings)
        for name in _PROFILES & known.keys():
            known[name] = Profile.from_json(known[name])
        return CameraConfig(**known)
    except (TypeError, ValueError) as error:
        label = f"Camera {settings.get('number', '(without number)')} in {path}"
        raise ConfigError(f"{label} cannot be used: {error}") from error
