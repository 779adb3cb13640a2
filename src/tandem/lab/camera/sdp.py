"""The session description a camera answers DESCRIBE with (RFC 8866)."""

from base64 import b64encode

from tandem.lab.camera.material import AUDIO_RATE_HZ, Material
from tandem.lab.camera.nal import nal_type
from tandem.lab.camera.packing import AUDIO_PAYLOAD_TYPE, VIDEO_PAYLOAD_TYPE
from tandem.lab.camera.profile import VIDEO_CLOCK_HZ, Codec

VIDEO_TRACK = "track1"
AUDIO_TRACK = "track2"

_H265_SETS = {32: "sprop-vps", 33: "sprop-sps", 34: "sprop-pps"}


def describe(material: Material, address: str, *, video: bool) -> str:
    """Write the session description.

    Args:
        material: what the camera plays now.
        address: the camera's address, for the origin line.
        video: whether to offer the pictures at all.

    Returns:
        SDP.
    """
    lines = [
        "v=0",
        f"o=- 0 1 IN IP4 {address}",
        "s=Simulated camera",
        "c=IN IP4 0.0.0.0",
        "t=0 0",
        "a=control:*",
        "a=range:npt=now-",
    ]
    if video:
        lines += _video(material)
    if material.sound:
        lines += _audio(material)
    return "\r\n".join(lines) + "\r\n"


def _video(material: Material) -> list[str]:
    name = "H264" if material.profile.codec is Codec.H264 else "H265"
    return [
        f"m=video 0 RTP/AVP {VIDEO_PAYLOAD_TYPE}",
        f"b=AS:{material.profile.bit_rate_kbps}",
        f"a=rtpmap:{VIDEO_PAYLOAD_TYPE} {name}/{VIDEO_CLOCK_HZ}",
        f"a=fmtp:{VIDEO_PAYLOAD_TYPE} {_parameter_sets(material)}",
        f"a=framerate:{material.profile.fps}",
        f"a=control:{VIDEO_TRACK}",
    ]


def _parameter_sets(material: Material) -> str:
    coded = {
        nal_type(material.profile.codec, one): b64encode(one).decode()
        for one in material.parameter_sets
    }
    if material.profile.codec is Codec.H265:
        return "; ".join(f"{_H265_SETS[kind]}={text}" for kind, text in coded.items())
    sps = next(one for one in material.parameter_sets if nal_type(Codec.H264, one) == 7)
    level = sps[1:4].hex().upper()
    sets = ",".join(coded.values())
    return f"packetization-mode=1; profile-level-id={level}; sprop-parameter-sets={sets}"


def _audio(material: Material) -> list[str]:
    settings = (
        "streamtype=5; profile-level-id=15; mode=AAC-hbr; sizelength=13; indexlength=3; "
        f"indexdeltalength=3; config={material.sound_config.hex().upper()}"
    )
    return [
        f"m=audio 0 RTP/AVP {AUDIO_PAYLOAD_TYPE}",
        f"a=rtpmap:{AUDIO_PAYLOAD_TYPE} mpeg4-generic/{AUDIO_RATE_HZ}/1",
        f"a=fmtp:{AUDIO_PAYLOAD_TYPE} {settings}",
        f"a=control:{AUDIO_TRACK}",
    ]
