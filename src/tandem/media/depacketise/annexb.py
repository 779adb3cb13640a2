"""Start codes (ITU-T H.264 and H.265, annex B) where RTP should have none."""

from typing import Final

START_CODE: Final = b"\x00\x00\x01"


def split_start_codes(data: bytes, limit: int) -> list[bytes]:
    """Split a byte stream into NAL units.

    Args:
        data: NAL units with start codes of 3 or 4 bytes between them, before them or not.
        limit: at most this many pieces, and one; the last of them may hold start codes.

    Returns:
        The NAL units without the zeros around them: none may end in a zero byte
        (ITU-T H.264 section 7.4.1), so those belong to the start codes.
    """
    return [nal for piece in data.split(START_CODE, limit) if (nal := piece.rstrip(b"\x00"))]
