"""G.711 (RFC 3551 section 4.5.14): a byte is a sample, in A-law or mu-law."""

from typing import Final

from tandem.media.codecs.errors import CodecError
from tandem.media.units import AudioConfig, Codec

_RATES_HZ: Final = range(8_000, 48_001)
_MAX_CHANNELS: Final = 2


def g711_config(codec: Codec, clock_hz: int, channels: int) -> AudioConfig:
    """Describe a G.711 track; cameras use rates above the standard's 8 kHz too.

    Args:
        codec: PCMU or PCMA.
        clock_hz: sample rate and RTP clock.
        channels: 1 or 2, interleaved sample by sample.

    Raises:
        CodecError: no camera could mean this.
    """
    if clock_hz not in _RATES_HZ:
        raise CodecError(f"{codec} at {clock_hz} Hz is not recorded; its standard rate is 8000 Hz.")
    if not 1 <= channels <= _MAX_CHANNELS:
        raise CodecError(f"{codec} with {channels} channels is not recorded; it has 1 or 2.")
    return AudioConfig(codec, clock_hz, channels)
