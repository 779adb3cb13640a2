import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.media.codecs.writing import BitWriter

from tandem.media.codecs import CodecError
from tandem.media.codecs.aac import AacConfig, parse_audio_specific_config
from tandem.media.codecs.g711 import g711_config
from tandem.media.codecs.opus import opus_config, packet_samples
from tandem.media.units import AudioConfig, Codec


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("1210", AacConfig(2, 44_100, 44_100, 2, 1024)),
        ("1408", AacConfig(2, 16_000, 16_000, 1, 1024)),
        ("1194", AacConfig(2, 48_000, 48_000, 2, 960)),
        # HE-AAC, 24 kHz inside and 48 kHz outside; and HE-AAC v2
        ("2b118800", AacConfig(2, 24_000, 48_000, 2, 1024)),
        ("eb098800", AacConfig(2, 24_000, 48_000, 1, 1024)),
    ],
)
def test_common_configurations_are_read(config: str, expected: AacConfig) -> None:
    assert parse_audio_specific_config(bytes.fromhex(config)) == expected


def test_a_rate_that_has_no_index_is_told_in_full() -> None:
    data = BitWriter().u(5, 2).u(4, 15).u(24, 16_384).u(4, 1).u(3, 0).unpadded()
    assert parse_audio_specific_config(data).sample_rate_hz == 16_384


def test_an_object_type_behind_the_escape_is_read() -> None:
    data = BitWriter().u(5, 31).u(6, 39 - 32).u(4, 3).u(4, 2).u(1, 0).unpadded()
    assert parse_audio_specific_config(data) == AacConfig(39, 48_000, 48_000, 2, 512)


def test_channels_without_a_configuration_are_counted() -> None:
    elements = BitWriter().u(5, 2).u(4, 3).u(4, 0).u(3, 0)
    elements.u(4, 0).u(2, 1).u(4, 3).u(4, 2).u(4, 0).u(4, 1).u(2, 1).u(3, 0).u(4, 0).u(3, 0)
    elements.u(1, 0).u(4, 0).u(1, 1).u(4, 0).u(1, 1).u(4, 1).u(4, 0)
    assert parse_audio_specific_config(elements.unpadded()).channels == 6


def test_with_sbr_a_frame_is_twice_as_long_on_a_clock_of_the_output_rate() -> None:
    config = parse_audio_specific_config(bytes.fromhex("2b118800"))
    assert config.ticks_per_frame(48_000) == 2048
    assert config.ticks_per_frame(24_000) == 1024


@pytest.mark.parametrize(
    "config", ["", "12", "f8", "1780", "7f80000000", "1200", "4210", "00" * 600]
)
def test_nonsense_is_refused(config: str) -> None:
    with pytest.raises(CodecError):
        parse_audio_specific_config(bytes.fromhex(config))


@given(st.binary(max_size=64))
def test_no_bytes_do_more_than_raise_the_one_error(data: bytes) -> None:
    try:
        config = parse_audio_specific_config(data)
    except CodecError:
        return
    assert 0 < config.sample_rate_hz <= 192_000
    assert 0 < config.channels < 128


@pytest.mark.parametrize(
    ("packet", "ms"),
    [
        (b"\x00", 10),
        (b"\x18", 60),
        (b"\x60", 10),
        (b"\x80", 2.5),
        (b"\xf8", 20),
        (b"\xf9", 40),
        (b"\xfa", 40),
        (b"\xfb\x03", 60),
        (b"\x83\xb0", 120),
    ],
)
def test_the_first_byte_of_an_opus_packet_tells_how_long_it_is(packet: bytes, ms: float) -> None:
    assert packet_samples(packet) == ms * 48


@pytest.mark.parametrize("packet", [b"", b"\xfb", b"\xfb\x00", b"\xfb\x07", b"\x1b\x03"])
def test_an_opus_packet_of_impossible_length_is_refused(packet: bytes) -> None:
    with pytest.raises(CodecError):
        packet_samples(packet)


def test_opus_runs_at_48_khz_alone() -> None:
    assert opus_config(48_000, 2) == AudioConfig(Codec.OPUS, 48_000, 2)
    with pytest.raises(CodecError, match="48000"):
        opus_config(16_000, 1)
    with pytest.raises(CodecError, match="6"):
        opus_config(48_000, 6)


def test_g711_has_a_rate_and_one_or_two_channels() -> None:
    assert g711_config(Codec.PCMA, 8_000, 1) == AudioConfig(Codec.PCMA, 8_000, 1)
    with pytest.raises(CodecError, match="90000"):
        g711_config(Codec.PCMU, 90_000, 1)
    with pytest.raises(CodecError, match="0 channels"):
        g711_config(Codec.PCMU, 8_000, 0)
