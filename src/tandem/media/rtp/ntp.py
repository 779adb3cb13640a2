"""NTP timestamps (RFC 5905 section 6) as sender reports carry them, and UTC microseconds.

The 64 bits hold seconds since 1900 and a fraction in units of 2**-32 s. The seconds overflow on
2036-02-07: era 0 ends, era 1 begins. The highest bit tells the eras apart, as RFC 4330 section 3
proposes: set is 1968 to 2036, clear is 2036 to 2104. So 1970, which cameras without a clock send,
stays 1970; and a camera that counts from its own start lands in 2036. Neither is near the truth, so
neither is believed; to judge that is the capture clock's part.
"""

_UNIX_EPOCH_S = 2_208_988_800  # 1970-01-01 in seconds since 1900, RFC 868
_ERA_S = 1 << 32
_ERA_1_BELOW = 1 << 63


def ntp_to_utc_us(ntp: int) -> int:
    """The UTC time of an NTP timestamp, to the nearest microsecond.

    Args:
        ntp: 64 bits of fixed-point seconds since the start of its era.

    Returns:
        Microseconds since 1970; negative for 1968 and 1969.
    """
    if ntp < _ERA_1_BELOW:
        ntp += _ERA_S << 32
    return ((ntp * 1_000_000 + (1 << 31)) >> 32) - _UNIX_EPOCH_S * 1_000_000


def utc_us_to_ntp(utc_us: int) -> int:
    """The NTP timestamp of a UTC time; `ntp_to_utc_us` gives it back exactly.

    Args:
        utc_us: microseconds since 1970; beyond 1968 to 2104 the era cannot be told.

    Returns:
        64 bits of fixed-point seconds since the start of its era.
    """
    since_1900_us = utc_us + _UNIX_EPOCH_S * 1_000_000
    return (((since_1900_us << 32) + 500_000) // 1_000_000) & 0xFFFF_FFFF_FFFF_FFFF
