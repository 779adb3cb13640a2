"""Sample entries of audio tracks: how sound is to be decoded, both ways.

ISO/IEC 14496-12 section 12.2.3 (the entry), ISO/IEC 14496-14 section 6.7.2 (`mp4a`, `esds`),
ISO/IEC 14496-1 section 7.2.6 (descriptors), "Encapsulation of Opus in ISO Base Media File Format"
section 4.3 (`Opus`, `dOps`). G.711 is kept as it comes, in the `ulaw` and `alaw` entries of the
QuickTime File Format, which players read in MP4 as well.
"""

import struct

from tandem.media.mp4.boxes import Box, Mp4Error, box, child, full_box, unpack
from tandem.media.units import AudioConfig, Codec

_ENTRY = struct.Struct(">6xH8xHHHHI")
"""Data reference, channels, bits a sample, two zeros, rate in 16.16."""

_WORD = struct.Struct(">I")
_ES = struct.Struct(">HB")
_DECODER = struct.Struct(">BBHBII")
"""Object type, stream type, buffer size (16 + 8 bits), highest and average bit rate."""

_ES_TAG, _DECODER_TAG, _SPECIFIC_TAG, _SYNC_LAYER_TAG = 0x03, 0x04, 0x05, 0x06
_MPEG4_AUDIO = 0x40
_AUDIO_STREAM = 0x05 << 2 | 1

_DOPS = struct.Struct(">BBHIhB")

_CODECS = {
    b"mp4a": Codec.AAC,
    b"Opus": Codec.OPUS,
    b"ulaw": Codec.PCMU,
    b"alaw": Codec.PCMA,
}
_KINDS = {codec: kind for kind, codec in _CODECS.items()}


def audio_sample_entry(config: AudioConfig) -> bytes:
    """Build the sample entry of an audio track."""
    rate = config.sample_rate_hz
    fixed = _ENTRY.pack(1, config.channels, 16, 0, 0, rate << 16 if rate < 1 << 16 else 0)
    return box(_KINDS[config.codec], fixed, _decoder_configuration(config))


def parse_audio_sample_entry(
    view: memoryview, entry: Box, sample_rate_hz: int, samples_per_frame: int
) -> AudioConfig:
    """Read the sample entry of an audio track.

    Args:
        view: where it lies.
        entry: its box.
        sample_rate_hz: the timescale of its track, since the entry's own field ends at 65,535.
        samples_per_frame: the default sample duration of its track.

    Raises:
        Mp4Error: it is not as Tandem writes it.
    """
    if entry.kind not in _CODECS:
        raise Mp4Error(f"audio of kind {entry.kind.decode('latin-1')!r} is none that is recorded")
    codec = _CODECS[entry.kind]
    channels = unpack(_ENTRY, view, entry.body, entry.end)[1]
    specific = _parse_esds(view, entry) if codec is Codec.AAC else b""
    return AudioConfig(codec, sample_rate_hz, channels, specific, samples_per_frame)


def _decoder_configuration(config: AudioConfig) -> bytes:
    if config.codec is Codec.AAC:
        return _esds(config.specific)
    if config.codec is Codec.OPUS:
        # A live stream is joined midway: there is no encoder delay to skip. The rest says that the
        # source was 48 kHz, to be played at its own level, in the order of its channels.
        return box(b"dOps", _DOPS.pack(0, config.channels, 0, config.sample_rate_hz, 0, 0))
    return b""


def _esds(specific: bytes) -> bytes:
    decoder = _DECODER.pack(_MPEG4_AUDIO, _AUDIO_STREAM, 0, 0, 0, 0)
    return full_box(
        b"esds",
        0,
        0,
        _descriptor(
            _ES_TAG,
            _ES.pack(0, 0)
            + _descriptor(_DECODER_TAG, decoder + _descriptor(_SPECIFIC_TAG, specific))
            + _descriptor(_SYNC_LAYER_TAG, b"\x02"),
        ),
    )


def _descriptor(tag: int, payload: bytes) -> bytes:
    """Build a descriptor, its size in four bytes of seven bits (ISO/IEC 14496-1 section 8.3.3)."""
    size = len(payload)
    septets = (size >> 21 | 0x80, size >> 14 & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size & 0x7F)
    return bytes((tag, *septets)) + payload


def _parse_esds(view: memoryview, entry: Box) -> bytes:
    """Return the AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1)."""
    esds = child(view, entry, b"esds", _ENTRY.size)
    start, end = _open(view, _ES_TAG, esds.body + _WORD.size, esds.end)
    if unpack(_ES, view, start, end)[1] != 0:
        raise Mp4Error("the audio's elementary stream descriptor has fields that Tandem never sets")
    start, end = _open(view, _DECODER_TAG, start + _ES.size, end)
    start, end = _open(view, _SPECIFIC_TAG, start + _DECODER.size, end)
    return bytes(view[start:end])


def _open(view: memoryview, tag: int, start: int, end: int) -> tuple[int, int]:
    """Return where the payload of the descriptor at `start` begins and ends."""
    size = 0
    for i in range(start + 1, min(start + 5, end)):
        size = size << 7 | view[i] & 0x7F
        if view[i] < 0x80:
            if view[start] == tag and i + 1 + size <= end:
                return i + 1, i + 1 + size
            break
    raise Mp4Error("the audio's elementary stream descriptor is damaged")
