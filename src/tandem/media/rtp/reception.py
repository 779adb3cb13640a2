"""What a receiver reports about a stream, from one report to the next (RFC 3550 A.3, 6.4.1)."""

from tandem.media.rtp.rtcp import ReportBlock, SenderReport, build_receiver_report
from tandem.media.rtp.stream import Reception

_DELAY_UNITS_PER_S = 65_536


class ReceiverReporter:
    """Writes the receiver reports about one stream.

    Cameras take them as a sign of life. Jitter is reported as 0: what it is for, a playout delay
    and a sender's congestion control, a recorder has no use for.

    Args:
        ssrc: this receiver's own, drawn at random by the caller.
        cname: this receiver's lasting name (RFC 3550 section 6.5.1).
    """

    def __init__(self, ssrc: int, cname: str) -> None:
        self._ssrc = ssrc
        self._cname = cname
        self._prior: Reception | None = None
        self._sender_report: tuple[SenderReport, int] | None = None

    def sender_report(self, report: SenderReport, boot_us: int) -> None:
        """Note a sender report of the stream.

        Args:
            report: as received.
            boot_us: CLOCK_BOOTTIME of its arrival.
        """
        self._sender_report = (report, boot_us)

    def build(self, reception: Reception | None, boot_us: int) -> bytes:
        """The compound packet to send now; the interval of its fraction ends here.

        Args:
            reception: of the stream now; None before anything came.
            boot_us: CLOCK_BOOTTIME.

        Returns:
            A receiver report and a source description, as one RTCP compound packet.
        """
        blocks = [] if reception is None else [self._block(reception, boot_us)]
        self._prior = reception
        return build_receiver_report(self._ssrc, blocks, self._cname)

    def _block(self, now: Reception, boot_us: int) -> ReportBlock:
        prior = self._prior
        if prior is None or prior.ssrc != now.ssrc or prior.expected > now.expected:
            prior = Reception(now.ssrc, 0, 0, 0)
        expected = now.expected - prior.expected
        lost = now.lost - prior.lost
        last_report = delay = 0
        if self._sender_report is not None and self._sender_report[0].ssrc == now.ssrc:
            report, arrival_us = self._sender_report
            last_report = report.ntp >> 16 & 0xFFFF_FFFF
            delay = (boot_us - arrival_us) * _DELAY_UNITS_PER_S // 1_000_000 & 0xFFFF_FFFF
        return ReportBlock(
            ssrc=now.ssrc,
            fraction_lost=min((lost << 8) // expected, 255) if lost > 0 and expected else 0,
            cumulative_lost=now.lost,
            extended_highest_sequence=now.extended_highest_sequence,
            last_report=last_report,
            delay=delay,
        )
