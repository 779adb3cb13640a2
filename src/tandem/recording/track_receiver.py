"""One track of an RTSP session: RTP to access units, RTCP to capture time and back."""

from tandem.clock import Clock
from tandem.media.depacketise import make_depacketiser
from tandem.media.rtp import rtcp
from tandem.media.rtp.reception import ReceiverReporter
from tandem.media.rtp.stream import RtpStream
from tandem.media.rtsp.events import Track
from tandem.recording.source import UnitSink

CNAME = "tandem"
"""Who reports. RFC 3550 wants it unique per host; it is ours alone to tell sessions apart by SSRC,
and a host's name is nothing a camera needs to know."""


class TrackReceiver:
    """Receives one track and pushes its access units into the sink.

    Args:
        track: as the camera agreed to send it.
        sink: where access units and sender reports go.
        clock: of the node.
        ssrc: random, for our own reports.

    Attributes:
        stream: takes RTP packets.
        reports: takes RTCP packets.
        units: access units handed over so far.

    Raises:
        CodecError: the track's format cannot be taken apart.
    """

    def __init__(self, track: Track, sink: UnitSink, clock: Clock, ssrc: int) -> None:
        codec = track.format.codec
        assert codec is not None  # noqa: S101 - a track is set up for having one
        self._is_video = codec.is_video
        self._take = sink.video if self._is_video else sink.audio
        self._sink = sink
        self._clock = clock
        self._depacketiser = make_depacketiser(
            codec, track.format.parameters, track.format.clock_rate_hz, track.format.channels
        )
        self._reporter = ReceiverReporter(ssrc, CNAME)
        self.stream = RtpStream(self._depacketiser, track.format.payload_type)
        self.reports = _ReportReceiver(self)
        self.units = 0

    @property
    def lost_packets(self) -> int:
        """RTP packets that never came, or too late."""
        return self.stream.counters.lost

    @property
    def damaged_units(self) -> int:
        """Access units discarded since a packet of theirs was missing or malformed."""
        return self._depacketiser.damaged_units

    def hand_over(self) -> None:
        """Push what is complete."""
        if self._depacketiser.units:
            units = self._depacketiser.take()
            self.units += len(units)
            self._take(units)

    def finish(self) -> None:
        """The connection is over: push what is complete, though nothing after it says so."""
        self._depacketiser.flush()
        self.hand_over()

    def receiver_report(self) -> bytes:
        """What we received, for the camera (RFC 3550 section 6.4.2)."""
        return self._reporter.build(self.stream.reception(), self._clock.boot_us())

    def take_reports(self, compound: bytes) -> None:
        """Take an RTCP packet: only what relates the camera's clock to this track's source counts.

        What was received before it is handed over first, since a report speaks of the past. The
        first report often overtakes the first packet, above all where packets wait to be put in
        order; the capture clock rejects it if it has nothing to do with what then comes.
        """
        for report in rtcp.parse(compound):
            if not isinstance(report, rtcp.SenderReport):
                continue
            if self.stream.ssrc in {None, report.ssrc}:
                self.hand_over()
                self._reporter.sender_report(report, self._clock.boot_us())
                if report.utc_us is not None:
                    self._sink.sender_report(
                        report.rtp_timestamp, report.utc_us, is_video=self._is_video
                    )


class _ReportReceiver:
    """The RTCP channel of a track, as the interleaved reader wants it."""

    def __init__(self, track: TrackReceiver) -> None:
        self._track = track

    def receive(self, buffer: memoryview, start: int, end: int) -> None:
        """Take the packet `buffer[start:end]`."""
        self._track.take_reports(bytes(buffer[start:end]))
