"""The mark in every access unit: which camera, which picture.

A user_data_unregistered SEI message (H.264 D.1.7, H.265 D.2.7). The numbers are hexadecimal digits
in ASCII: their length never changes and no byte is zero, so they can be overwritten in place and
need no emulation prevention. They are there for the counter alone.
"""

from tandem.lab.camera.profile import Codec

MARK_UUID = bytes.fromhex("7461 6e64 656d 4c61 b243 616d 6572 614d".replace(" ", ""))
"""Tells our marks from any other user data."""

_USER_DATA_UNREGISTERED = 5
_TRAILING_BITS = b"\x80"
_NAL_HEADER = {Codec.H264: b"\x06", Codec.H265: b"\x4e\x01"}
_DIGITS = b"%08x%016x"

MARK_DIGITS = 24
"""Hexadecimal digits: 8 of the camera number, 16 of the frame number."""


def digits(camera: int, frame: int) -> bytes:
    """Write the numbers as they stand in the mark.

    Args:
        camera: camera number, 32 bits.
        frame: frame number, 64 bits.

    Returns:
        24 ASCII digits.
    """
    return _DIGITS % (camera, frame)


def mark_nal(codec: Codec) -> bytes:
    """Build the SEI NAL unit, its numbers still zero.

    Args:
        codec: decides between the NAL header of H.264 and the prefix SEI (type 39) of H.265.

    Returns:
        The NAL unit. Its digits stand before the last byte.
    """
    payload = MARK_UUID + digits(0, 0)
    message = bytes((_USER_DATA_UNREGISTERED, len(payload))) + payload
    return _NAL_HEADER[codec] + message + _TRAILING_BITS
