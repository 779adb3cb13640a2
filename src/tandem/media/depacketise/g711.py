"""RTP payloads of G.711 (RFC 3551 section 4.5.14): every packet is a frame, every byte a sample."""

from tandem.media.depacketise.audio import AudioDepacketiser


class G711Depacketiser(AudioDepacketiser):
    """Hands on A-law and mu-law as they come."""

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
        whole = end - (end - start) % self.config.channels
        if whole > start:
            self._emit(bytes(buffer[start:whole]), rtp_time)
        if whole < end:
            self.damaged_units += 1
