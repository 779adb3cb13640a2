"""RTP payloads to access units, one module a payload format; `base` has what they promise.

base            the protocol
nal             NAL units to access units, for both video codecs
nal_payload     payloads to NAL units: what the formats of video share
annexb          start codes where none should be
parameter_sets  those told so far, and the configuration of the active ones
h264, h265      payload formats of video
audio           what the formats of sound share
aac, g711, opus payload formats of sound
"""

import base64
import binascii
from collections.abc import Mapping

from tandem.media.codecs.aac import parse_audio_specific_config
from tandem.media.codecs.errors import CodecError
from tandem.media.codecs.g711 import g711_config
from tandem.media.codecs.opus import opus_config
from tandem.media.depacketise.aac import AacDepacketiser, AuHeaderFormat
from tandem.media.depacketise.annexb import split_start_codes
from tandem.media.depacketise.base import Depacketiser
from tandem.media.depacketise.g711 import G711Depacketiser
from tandem.media.depacketise.h264 import H264Depacketiser
from tandem.media.depacketise.h265 import H265Depacketiser
from tandem.media.depacketise.opus import OpusDepacketiser
from tandem.media.depacketise.parameter_sets import ParameterSets
from tandem.media.units import VIDEO_CLOCK_HZ, AudioConfig, Codec

__all__ = ["Depacketiser", "make_depacketiser"]

_MAX_SPROP_CHARACTERS = 65_536
_MAX_SPROP_SETS = 64


def make_depacketiser(
    codec: Codec, fmtp: Mapping[str, str], clock_hz: int, channels: int = 1
) -> Depacketiser:
    """Make the depacketiser for one media of a session description.

    Args:
        codec: as its `rtpmap` names it.
        fmtp: its format parameters, names in lower case.
        clock_hz: its RTP clock.
        channels: of sound, as its `rtpmap` says; AAC says it better itself.

    Raises:
        CodecError: it is a form of the codec that is not recorded, or its description is nonsense.
    """
    if codec.is_video and clock_hz != VIDEO_CLOCK_HZ:
        raise CodecError(f"{codec} has an RTP clock of 90000 Hz, not {clock_hz} Hz.")
    match codec:
        case Codec.H264:
            return _make_h264(fmtp)
        case Codec.H265:
            return _make_h265(fmtp)
        case Codec.AAC:
            return _make_aac(fmtp, clock_hz)
        case Codec.OPUS:
            return OpusDepacketiser(opus_config(clock_hz, channels))
        case Codec.PCMU | Codec.PCMA:
            return G711Depacketiser(g711_config(codec, clock_hz, channels))


def _make_h264(fmtp: Mapping[str, str]) -> Depacketiser:
    """RFC 6184 section 8.1."""
    if fmtp.get("packetization-mode", "0").strip() == "2":
        raise CodecError("H.264 in packetization-mode 2 (interleaved) is not recorded.")
    sets = _sprop_nals(fmtp, "sprop-parameter-sets")
    return H264Depacketiser(ParameterSets(Codec.H264, sets))


def _make_h265(fmtp: Mapping[str, str]) -> Depacketiser:
    """RFC 7798 section 7.1."""
    if fmtp.get("sprop-max-don-diff", "0").strip() != "0":
        raise CodecError("H.265 with decoding order numbers (sprop-max-don-diff) is not recorded.")
    sets = _sprop_nals(fmtp, "sprop-vps", "sprop-sps", "sprop-pps")
    return H265Depacketiser(ParameterSets(Codec.H265, sets))


def _sprop_nals(fmtp: Mapping[str, str], *names: str) -> list[bytes]:
    """NAL units in base64 with commas between; what is not base64 is passed over."""
    nals = []
    for name in names:
        for text in fmtp.get(name, "")[:_MAX_SPROP_CHARACTERS].split(",")[:_MAX_SPROP_SETS]:
            unpadded = text.strip().rstrip("=")
            try:
                nal = base64.b64decode(unpadded + "=" * (-len(unpadded) % 4), validate=True)
            except (binascii.Error, ValueError):
                continue
            nals += split_start_codes(nal, _MAX_SPROP_SETS)
    return nals


def _make_aac(fmtp: Mapping[str, str], clock_hz: int) -> Depacketiser:
    """RFC 3640 section 4.1."""
    if "mode" not in fmtp and "sizelength" not in fmtp:
        raise CodecError("AAC is recorded in MPEG-4 generic form (RFC 3640), not as LATM.")
    text = fmtp.get("config", "").strip()
    if not text:
        raise CodecError("The description of the AAC stream has no config, so nothing can play it.")
    try:
        specific = bytes.fromhex(text)
    except ValueError as error:
        raise CodecError(f"The AAC parameter config={text[:40]} is not hexadecimal.") from error
    aac = parse_audio_specific_config(specific)
    config = AudioConfig(
        codec=Codec.AAC,
        sample_rate_hz=clock_hz,
        channels=aac.channels,
        specific=specific,
        samples_per_frame=aac.ticks_per_frame(clock_hz),
    )
    return AacDepacketiser(config, AuHeaderFormat.from_fmtp(fmtp))
