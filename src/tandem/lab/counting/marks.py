"""Reading the mark out of a coded picture: which camera took it, and which picture it is.

The mark is an SEI message (see `tandem.lab.camera.mark`). Here it is found by walking the NAL
units, whether each stands behind its length or behind a start code.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from tandem.lab.camera.mark import MARK_DIGITS, MARK_UUID

_START_CODE = re.compile(rb"\x00\x00\x01")
_EMULATION = re.compile(rb"\x00\x00\x03")

_H264_SEI = 6
_H265_PREFIX_SEI = 39
_USER_DATA_UNREGISTERED = 5


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """What a camera wrote into a picture.

    Attributes:
        camera: camera number.
        number: frame number, counted in coding order.
    """

    camera: int
    number: int


def find_mark(sample: bytes, codec: str) -> Mark | None:
    """Find the mark in one access unit.

    Args:
        sample: the access unit, each NAL unit behind a length of four bytes or a start code.
        codec: `h264` or `hevc`.

    Returns:
        The mark, or None if there is none.
    """
    for unit in _nal_units(sample):
        if _is_sei(unit, codec):
            body = unit[1:] if codec == "h264" else unit[2:]
            for kind, payload in _messages(_EMULATION.sub(b"\0\0", body)):
                if kind == _USER_DATA_UNREGISTERED and payload.startswith(MARK_UUID):
                    return _read(payload[len(MARK_UUID) :])
    return None


def _read(digits: bytes) -> Mark | None:
    if len(digits) != MARK_DIGITS:
        return None
    try:
        return Mark(int(digits[:8], 16), int(digits[8:], 16))
    except ValueError:
        return None


def _is_sei(unit: bytes, codec: str) -> bool:
    if not unit:
        return False
    if codec == "h264":
        return unit[0] & 0x1F == _H264_SEI
    return (unit[0] >> 1) & 0x3F == _H265_PREFIX_SEI


def _nal_units(sample: bytes) -> Iterator[bytes]:
    ends = _ends_by_length(sample)
    if ends is not None:
        start = 0
        for end in ends:
            yield sample[start + 4 : end]
            start = end
        return
    places = [found.end() for found in _START_CODE.finditer(sample)]
    for start, following in pairwise([*places, len(sample) + 3]):
        yield sample[start : following - 3].rstrip(b"\0")


def _ends_by_length(sample: bytes) -> list[int] | None:
    """Return where each NAL unit ends if lengths lead exactly to the end of the sample."""
    ends = []
    at = 0
    while at + 4 <= len(sample):
        at += 4 + int.from_bytes(sample[at : at + 4], "big")
        ends.append(at)
    return ends if at == len(sample) else None


def _messages(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Walk the SEI messages of a NAL unit (H.264 section 7.3.2.3.1, H.265 section 7.3.5)."""
    at = 0
    while at + 2 <= len(body):
        kind, at = _coded_number(body, at)
        size, at = _coded_number(body, at)
        if at + size > len(body):
            return
        yield kind, body[at : at + size]
        at += size


def _coded_number(body: bytes, at: int) -> tuple[int, int]:
    value = 0
    while at < len(body) and body[at] == 0xFF:
        value += 0xFF
        at += 1
    if at < len(body):
        value += body[at]
    return value, at + 1
