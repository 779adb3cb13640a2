"""Counters of the wire that wrap, continued as integers that do not."""


def unwrap32(value: int, near: int) -> int:
    """The integer nearest to `near` whose low 32 bits are `value`, forward or backward of it.

    RTP timestamps need both directions: B-frames go back (RFC 6184 section 5.1).

    Args:
        value: 32 bits as received.
        near: where the counter was last, unwrapped.

    Returns:
        The unwrapped value, in [near - 2**31, near + 2**31).
    """
    return near + ((value - near + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000
