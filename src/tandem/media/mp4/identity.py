"""The identity of an access unit, from its sample as MP4 stores it; see `units.AccessUnit`."""

import struct

from blake3 import blake3

from tandem.media.codecs import h264, h265
from tandem.media.units import IDENTITY_BYTES, Codec

_LENGTH = struct.Struct(">I")


def video_identity(codec: Codec, sample: memoryview) -> bytes:
    """Hash the VCL NAL units of a sample, each with its length prefix.

    Args:
        codec: H264 or H265.
        sample: NAL units behind their lengths in 4 bytes (ISO/IEC 14496-15 section 4.3.3).

    Returns:
        The identity; empty if the lengths do not add up to the sample, which no identity equals.
    """
    hasher = blake3()
    at = 0
    while at < len(sample):
        if at + _LENGTH.size >= len(sample):
            return b""
        (length,) = _LENGTH.unpack_from(sample, at)
        end = at + _LENGTH.size + length
        if length == 0 or end > len(sample):
            return b""
        if _is_vcl(codec, sample[at + _LENGTH.size]):
            hasher.update(sample[at:end])
        at = end
    return hasher.digest(length=IDENTITY_BYTES)


def audio_identity(sample: memoryview) -> bytes:
    """Hash a frame of sound."""
    return blake3(sample).digest(length=IDENTITY_BYTES)


def _is_vcl(codec: Codec, first_byte: int) -> bool:
    """ITU-T H.264 table 7-1, H.265 table 7-1: NAL unit types that carry slices."""
    if codec is Codec.H265:
        return first_byte >> 1 & 0x3F <= h265.LAST_VCL
    return h264.SLICE <= first_byte & 0x1F <= h264.SLICE_IDR
