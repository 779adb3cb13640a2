"""What parameter sets, configurations and packet headers say. Pure functions over bytes.

    bits    fields and Exp-Golomb codes
    h264    SPS, PPS, slice headers, recovery points
    h265    VPS, SPS, PPS, slice headers
    video   parameter sets of either to a `VideoConfig`
    aac     AudioSpecificConfig
    g711    what RFC 3551 allows
    opus    the duration of a packet

Everything refused is refused with a `CodecError`.
"""

from tandem.media.codecs.errors import CodecError
from tandem.media.codecs.video import video_config

__all__ = ["CodecError", "video_config"]
