"""Bits out of bytes: fixed-length fields, Exp-Golomb codes, emulation prevention removed.

Every read is bounded: past the end, or for a code longer than any standard allows, it raises.
"""

from tandem.media.codecs.errors import CodecError

_LONGEST_PREFIX_BITS = 31


def unescape(nal: bytes) -> bytes:
    """Undo emulation prevention (ITU-T H.264 section 7.4.1, H.265 section 7.4.2).

    Args:
        nal: a NAL unit, or the beginning of one, with its header.

    Returns:
        The header and the raw byte sequence payload.
    """
    return nal.replace(b"\x00\x00\x03", b"\x00\x00")


class BitReader:
    """Reads big-endian bit fields, first bit first.

    Attributes:
        position: of the next bit.
        end: number of bits there are.

    Args:
        data: what to read; with emulation prevention removed already.
    """

    __slots__ = ("_data", "end", "position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0
        self.end = len(data) * 8

    def skip(self, count: int) -> None:
        """Pass over `count` bits.

        Raises:
            CodecError: fewer are left.
        """
        self.position += count
        if self.position > self.end:
            raise CodecError(f"The data ends after {self.end} bits, before its fields do.")

    def bits(self, count: int) -> int:
        """Read an unsigned field, `u(count)`.

        Raises:
            CodecError: fewer bits are left.
        """
        start = self.position
        self.skip(count)
        return self.span(start, self.position)

    def flag(self) -> bool:
        """Read one bit as a truth value.

        Raises:
            CodecError: none is left.
        """
        return self.bits(1) == 1

    def ue(self, limit: int = 0xFFFF_FFFE) -> int:
        """Read an unsigned Exp-Golomb code (ITU-T H.264 section 9.1).

        Args:
            limit: the largest value that makes sense here.

        Raises:
            CodecError: no code of at most 63 bits stands here, or its value is above the limit.
        """
        zeros = 0
        while not self.flag():
            zeros += 1
            if zeros > _LONGEST_PREFIX_BITS:
                raise CodecError(f"No Exp-Golomb code stands at bit {self.position - zeros}.")
        value = (1 << zeros) - 1 + self.bits(zeros)
        if value > limit:
            raise CodecError(f"{value} stands where at most {limit} makes sense.")
        return value

    def se(self) -> int:
        """Read a signed Exp-Golomb code (ITU-T H.264 section 9.1.1).

        Raises:
            CodecError: no code of at most 63 bits stands here.
        """
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)

    def span(self, start: int, end: int) -> int:
        """The bits from `start` up to `end` as one number; does not move."""
        after = (end + 7) >> 3
        value = int.from_bytes(self._data[start >> 3 : after], "big")
        return (value >> (after * 8 - end)) & ((1 << (end - start)) - 1)
