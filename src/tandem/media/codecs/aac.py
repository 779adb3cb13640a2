"""AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1): rate, channels, length of a frame."""

from dataclasses import dataclass
from typing import Final

from tandem.media.codecs.bits import BitReader
from tandem.media.codecs.errors import CodecError

_RATES_HZ: Final = (
    *(96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000),
    *(22_050, 16_000, 12_000, 11_025, 8_000, 7_350),
)
"""Table 1.18: samplingFrequencyIndex."""
_CHANNELS: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 8, 11: 7, 12: 8, 14: 8}
"""Table 1.19: channelConfiguration; 0 means that a program_config_element counts them."""

_ESCAPE_TYPE: Final = 31
_ESCAPE_RATE: Final = 15
_MAX_RATE_HZ: Final = 192_000
_MAX_CONFIG_BYTES: Final = 512

_SBR: Final = 5
_PS: Final = 29
_ER_AAC_LD: Final = 23
_ER_AAC_ELD: Final = 39
_GENERAL_AUDIO: Final = frozenset({1, 2, 3, 4, _ER_AAC_LD})


@dataclass(frozen=True, slots=True)
class AacConfig:
    """What an AudioSpecificConfig says.

    Attributes:
        object_type: of the core coder: 2 is AAC-LC.
        sample_rate_hz: of the core coder.
        output_rate_hz: what comes out of the decoder: with SBR usually twice the core's rate.
        channels: of the core coder; parametric stereo is coded as one.
        samples_per_frame: samples (per channel) of the core coder in one frame: 1024 or 960, or
            512 or 480 with low delay.
    """

    object_type: int
    sample_rate_hz: int
    output_rate_hz: int
    channels: int
    samples_per_frame: int

    def ticks_per_frame(self, clock_hz: int) -> int:
        """Length of one frame on a clock, which may run at the core's rate or the output's."""
        return self.samples_per_frame * clock_hz // self.sample_rate_hz


def parse_audio_specific_config(data: bytes) -> AacConfig:
    """Read an AudioSpecificConfig; bytes after what is understood are passed over.

    Raises:
        CodecError: it ends too early, or names what is not AAC or makes no sense.
    """
    if len(data) > _MAX_CONFIG_BYTES:
        raise CodecError(f"{len(data)} bytes are no AudioSpecificConfig.")
    return read_audio_specific_config(BitReader(data))


def read_audio_specific_config(reader: BitReader) -> AacConfig:
    """Read one where it stands, and stop right behind it.

    Raises:
        CodecError: it ends too early, or names what is not AAC or makes no sense.
    """
    object_type = _read_object_type(reader)
    rate = output_rate = _read_rate(reader)
    channel_configuration = reader.bits(4)
    if object_type in {_SBR, _PS}:
        output_rate = _read_rate(reader)
        object_type = _read_object_type(reader)
    if object_type == _ER_AAC_ELD:
        short, channels = reader.flag(), _CHANNELS.get(channel_configuration, 0)
    elif object_type in _GENERAL_AUDIO:
        short, channels = _read_general_audio(reader, object_type, channel_configuration)
    else:
        raise CodecError(f"MPEG-4 audio object type {object_type} is not AAC as it is recorded.")
    if not channels:
        raise CodecError(f"AAC channel configuration {channel_configuration} names no channels.")
    low_delay = object_type in {_ER_AAC_LD, _ER_AAC_ELD}
    return AacConfig(
        object_type=object_type,
        sample_rate_hz=rate,
        output_rate_hz=output_rate,
        channels=channels,
        samples_per_frame=(960 if short else 1024) // (2 if low_delay else 1),
    )


def _read_object_type(reader: BitReader) -> int:
    """Section 1.6.2.1, GetAudioObjectType."""
    object_type = reader.bits(5)
    return 32 + reader.bits(6) if object_type == _ESCAPE_TYPE else object_type


def _read_rate(reader: BitReader) -> int:
    """Section 1.6.3.3 and 1.6.3.4: an index, or the rate itself behind the escape."""
    index = reader.bits(4)
    if index == _ESCAPE_RATE:
        rate = reader.bits(24)
    else:
        rate = _RATES_HZ[index] if index < len(_RATES_HZ) else 0
    if not 0 < rate <= _MAX_RATE_HZ:
        raise CodecError(f"AAC sampling frequency index {index} gives no rate.")
    return rate


def _read_general_audio(
    reader: BitReader, object_type: int, channel_configuration: int
) -> tuple[bool, int]:
    """Section 4.4.1, GASpecificConfig: whether frames are short (960), and the channels."""
    short = reader.flag()
    if reader.flag():
        reader.skip(14)  # coreCoderDelay
    extension = reader.flag()
    if channel_configuration:
        channels = _CHANNELS.get(channel_configuration, 0)
    else:
        channels = _count_program_channels(reader)
    if extension:
        reader.skip(4 if object_type == _ER_AAC_LD else 1)  # resilience flags, extensionFlag3
    return short, channels


def _count_program_channels(reader: BitReader) -> int:
    """Section 4.4.1.1, program_config_element, which stands inside GASpecificConfig."""
    reader.skip(4 + 2 + 4)
    front, side, back = reader.bits(4), reader.bits(4), reader.bits(4)
    low_frequency = reader.bits(2)
    reader.skip(3 + 4)  # num_assoc_data_elements, num_valid_cc_elements
    for _ in range(2):
        reader.skip(4 * reader.flag())  # mono_mixdown, stereo_mixdown
    reader.skip(3 * reader.flag())  # matrix_mixdown
    channels = low_frequency
    for _ in range(front + side + back):
        channels += 1 + reader.flag()  # a pair, or one alone
        reader.skip(4)
    return channels
