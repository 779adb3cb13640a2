"""AAC in an Audio Data Transport Stream, as MPEG-TS carries it (ISO/IEC 14496-3 section 1.A.3)."""

from dataclasses import dataclass, field
from typing import Final

from tandem.media.codecs.aac import parse_audio_specific_config
from tandem.media.codecs.errors import CodecError
from tandem.media.units import AudioConfig, Codec

_HEADER_BYTES: Final = 7
_CRC_BYTES: Final = 2


@dataclass(frozen=True, slots=True)
class AdtsFrame:
    """One frame without its transport header, and the AudioSpecificConfig that the header makes."""

    specific: bytes
    payload: bytes = field(repr=False)


def parse_adts(packet: bytes) -> AdtsFrame | None:
    """Take a frame out of its ADTS header; None where there is none.

    Args:
        packet: one audio packet. A bare AAC frame never begins with the 12 one bits of a header's
            syncword: its first three would be an element id of 7, which ends an empty frame.
    """
    if len(packet) < _HEADER_BYTES or packet[0] != 0xFF or packet[1] & 0xF6 != 0xF0:
        return None
    length = (packet[3] & 3) << 11 | packet[4] << 3 | packet[5] >> 5
    start = _HEADER_BYTES + (0 if packet[1] & 1 else _CRC_BYTES)
    object_type = (packet[2] >> 6) + 1
    rate_index = packet[2] >> 2 & 15
    channels = (packet[2] & 1) << 2 | packet[3] >> 6
    specific = (object_type << 11 | rate_index << 7 | channels << 3).to_bytes(2, "big")
    return AdtsFrame(specific, packet[start : length if length > start else None])


def aac_config(specific: bytes) -> AudioConfig | None:
    """Describe an AAC track; None where its configuration is nonsense.

    Args:
        specific: an AudioSpecificConfig.
    """
    try:
        config = parse_audio_specific_config(specific)
    except CodecError:
        return None
    return AudioConfig(
        Codec.AAC,
        config.sample_rate_hz,
        config.channels,
        specific,
        config.samples_per_frame,
    )
