"""A camera's reports tell the time of its pictures, in whatever order the two come."""

import struct

from tests.recording.streams import T0_US
from tests.recording.test_stream_recording import Bench

from tandem.lab.camera.rtcp import sender_report
from tandem.media.rtsp.events import Track, UdpDelivery
from tandem.media.sdp import parse
from tandem.recording.track_receiver import TrackReceiver

SDP = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
SSRC = 7
RTP_TIME = 90_000
CAPTURED_US = T0_US - 300_000


def track_of(bench: Bench) -> TrackReceiver:
    (media,) = parse(SDP).media
    assert media.format is not None
    delivery = UdpDelivery((6000, 6001), None, "192.0.2.1")
    track = Track(media, media.format, "rtsp://192.0.2.1/s", delivery, None)
    bench.sink.begin(None)
    return TrackReceiver(track, bench.sink, bench.clock, 1)


def send_picture(track: TrackReceiver) -> None:
    packet = struct.pack("!BBHII", 0x80, 0x80 | 96, 1, RTP_TIME, SSRC) + b"\x65\x88picture"
    track.stream.receive(memoryview(packet), 0, len(packet))
    track.hand_over()


def report(ssrc: int = SSRC, rtp_time: int = RTP_TIME) -> bytes:
    return sender_report(ssrc, CAPTURED_US, rtp_time, 1, 8)


def captured_us(bench: Bench) -> int:
    return bench.sink.video_clock.capture_us((1 << 32) + RTP_TIME)


def test_a_report_behind_the_first_packet_tells_when_it_was_taken() -> None:
    bench = Bench()
    track = track_of(bench)
    send_picture(track)
    track.take_reports(report())
    assert captured_us(bench) == CAPTURED_US


def test_a_report_that_overtook_the_first_packet_tells_when_it_was_taken() -> None:
    bench = Bench()
    track = track_of(bench)
    track.take_reports(report())
    bench.clock.now_us += 200_000
    send_picture(track)
    assert captured_us(bench) == CAPTURED_US


def test_a_report_of_an_earlier_session_tells_nothing() -> None:
    bench = Bench()
    track = track_of(bench)
    track.take_reports(report(ssrc=8, rtp_time=RTP_TIME + 3_000_000))
    send_picture(track)
    track.take_reports(report(ssrc=8))
    assert captured_us(bench) == T0_US
