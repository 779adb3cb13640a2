"""NAL units: splitting a byte stream, and what kind each unit is.

Sources: ITU-T H.264 Annex B and table 7-1; ITU-T H.265 Annex B and table 7-1.
"""

import re

from tandem.lab.camera.profile import Codec

_START_CODE = re.compile(rb"\x00*\x00\x00\x01")

_H264_IDR = 5
_H264_VCL = range(1, 6)
_H264_PARAMETER_SETS = (7, 8)
_H265_VCL = range(32)
_H265_IDR = (19, 20)
_H265_PARAMETER_SETS = (32, 33, 34)

_CABAC_ZERO_WORD = b"\x00\x00\x03"
"""A cabac_zero_word with its emulation prevention (H.264 7.3.2.8, H.265 7.3.2.10)."""


def split_annex_b(stream: bytes) -> tuple[bytes, ...]:
    """Cut a byte stream at its start codes.

    Args:
        stream: NAL units, each behind a start code of three or four bytes.

    Returns:
        The NAL units without start codes.
    """
    return tuple(unit for unit in _START_CODE.split(stream) if unit)


def nal_type(codec: Codec, unit: bytes) -> int:
    """Return the nal_unit_type of a NAL unit."""
    return unit[0] & 0x1F if codec is Codec.H264 else (unit[0] >> 1) & 0x3F


def is_vcl(codec: Codec, unit: bytes) -> bool:
    """Tell whether a NAL unit is a slice of a picture."""
    return nal_type(codec, unit) in (_H264_VCL if codec is Codec.H264 else _H265_VCL)


def is_idr(codec: Codec, unit: bytes) -> bool:
    """Tell whether a NAL unit is a slice of an IDR picture, where decoding may begin."""
    kind = nal_type(codec, unit)
    return kind == _H264_IDR if codec is Codec.H264 else kind in _H265_IDR


def is_parameter_set(codec: Codec, unit: bytes) -> bool:
    """Tell whether a NAL unit is a video, sequence or picture parameter set."""
    wanted = _H264_PARAMETER_SETS if codec is Codec.H264 else _H265_PARAMETER_SETS
    return nal_type(codec, unit) in wanted


def lengthen(unit: bytes, words: int) -> bytes:
    """Make a slice's bytes differ without touching the picture.

    The standards allow any number of zero words behind a slice coded with CABAC; a decoder skips
    them.

    Args:
        unit: a VCL NAL unit, coded with CABAC.
        words: how many zero words to add.

    Returns:
        The longer NAL unit.
    """
    return unit + _CABAC_ZERO_WORD * words
