"""RTP payloads of Opus (RFC 7587 section 4.2): every payload is one Opus packet."""

from tandem.media.codecs.errors import CodecError
from tandem.media.codecs.opus import packet_samples
from tandem.media.depacketise.audio import AudioDepacketiser


class OpusDepacketiser(AudioDepacketiser):
    """Hands on Opus packets as they come, those without a possible duration excepted."""

    __slots__ = ()

    def receive(
        self,
        buffer: memoryview,
        start: int,
        end: int,
        rtp_time: int,
        marker: bool,  # noqa: ARG002 - it only tells of a silence before
    ) -> None:
        """Take a payload; see `Depacketiser.receive`."""
        packet = bytes(buffer[start:end])
        try:
            packet_samples(packet)
        except CodecError:
            self.damaged_units += 1
        else:
            self._emit(packet, rtp_time)
