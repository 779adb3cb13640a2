"""Opus (RFC 6716, RFC 7587): what the first byte of a packet says."""

from typing import Final

from tandem.media.codecs.errors import CodecError
from tandem.media.units import AudioConfig, Codec

CLOCK_HZ: Final = 48_000
"""RTP clock of every Opus stream, whatever its bandwidth (RFC 7587 section 4.1)."""

_MAX_PACKET_SAMPLES: Final = 5_760  # 120 ms (RFC 6716 section 3.2.5, R5)
_SILK: Final = (480, 960, 1_920, 2_880)
_HYBRID: Final = (480, 960)
_CELT: Final = (120, 240, 480, 960)
_FRAME_SAMPLES: Final = _SILK * 3 + _HYBRID * 2 + _CELT * 4
"""RFC 6716 section 3.1, table 2: samples of one frame at 48 kHz, by config number."""


def packet_samples(packet: bytes) -> int:
    """How long an Opus packet sounds (RFC 6716 sections 3.1 and 3.2).

    Args:
        packet: it, or its first two bytes.

    Returns:
        Samples at 48 kHz, over all of its frames.

    Raises:
        CodecError: it is empty, has no frame, or is longer than 120 ms.
    """
    if not packet:
        raise CodecError("An Opus packet has at least one byte.")
    code = packet[0] & 0x03
    frames = 1 if code == 0 else 2
    if code == 3:
        if len(packet) < 2:
            raise CodecError("The Opus packet ends before its frame count.")
        frames = packet[1] & 0x3F
    samples = frames * _FRAME_SAMPLES[packet[0] >> 3]
    if not 0 < samples <= _MAX_PACKET_SAMPLES:
        raise CodecError(f"An Opus packet of {samples} samples at 48 kHz cannot be.")
    return samples


def opus_config(clock_hz: int, channels: int) -> AudioConfig:
    """Describe an Opus track; each packet tells its own length.

    Raises:
        CodecError: the clock is not 48 kHz, or the channels are neither one nor two.
    """
    if clock_hz != CLOCK_HZ:
        raise CodecError(f"Opus has an RTP clock of 48000 Hz, not {clock_hz} Hz.")
    if channels not in {1, 2}:
        raise CodecError(f"Opus over RTP has 1 or 2 channels, not {channels}.")
    return AudioConfig(Codec.OPUS, CLOCK_HZ, channels)
