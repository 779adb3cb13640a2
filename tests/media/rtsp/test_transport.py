import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.media.rtsp.transport import (
    LowerTransport,
    RtpInfo,
    TransportReply,
    interleaved_offer,
    parse_rtp_info,
    parse_session,
    parse_transport,
    udp_offer,
)

TCP, UDP = LowerTransport.TCP, LowerTransport.UDP


def test_what_is_asked_for() -> None:
    assert interleaved_offer(2) == "RTP/AVP/TCP;unicast;interleaved=2-3"
    assert udp_offer(5000, 5001) == "RTP/AVP;unicast;client_port=5000-5001"


@pytest.mark.parametrize(
    ("value", "reply"),
    [
        ("RTP/AVP/TCP;unicast;interleaved=4-5", TransportReply(TCP, (4, 5))),
        ("RTP/AVP/TCP;unicast;interleaved=4", TransportReply(TCP, (4, 5))),
        (
            "RTP/AVP/TCP; unicast ; interleaved = 0-1 ;ssrc= 1A2B",
            TransportReply(TCP, (0, 1), ssrc=0x1A2B),
        ),
        ("RTP/AVP;unicast;interleaved=0-1", TransportReply(TCP, (0, 1))),
        ("RTP/AVP/TCP;interleaved=300-301", TransportReply(TCP)),
        ("RTP/AVP/TCP;interleaved=255", TransportReply(TCP)),
        ("RTP/AVP/TCP;interleaved=a-b", TransportReply(TCP)),
        (
            "RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001;source=10.0.0.7;ssrc=DEADBEEF",
            TransportReply(UDP, None, (6000, 6001), "10.0.0.7", 0xDEADBEEF),
        ),
        ("RTP/AVP/UDP;server_port=6000", TransportReply(UDP, None, (6000, 6001))),
        ("RTP/AVP;ssrc=0x11/0x22", TransportReply(UDP, ssrc=0x11)),
        ("RTP/AVP;ssrc=123456789", TransportReply(UDP)),
        ("RTP/AVP;ssrc=no number", TransportReply(UDP)),
        ("", TransportReply(UDP)),
    ],
)
def test_what_can_be_used_of_a_transport_header_is_used(value: str, reply: TransportReply) -> None:
    assert parse_transport(value) == reply


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1234", ("1234", None)),
        (" 1234 ;timeout=15", ("1234", 15)),
        ("a;b;Timeout = 30 ", ("a", 30)),
        ("1;timeout=0", ("1", None)),
        ("1;timeout=-5", ("1", None)),
        ("1;timeout=99999999", ("1", None)),
        ("1;timeout=soon", ("1", None)),
    ],
)
def test_a_session_names_its_timeout_or_has_the_default(
    value: str, expected: tuple[str, int | None]
) -> None:
    session = parse_session(value)
    assert session
    assert (session.id, session.timeout_s) == expected


def test_an_empty_session_header_is_none() -> None:
    assert parse_session("") is None
    assert parse_session(" ;timeout=5") is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", ()),
        ("nonsense", ()),
        ("url=rtsp://h/1;seq=5;rtptime=7", (RtpInfo("rtsp://h/1", 5, 7),)),
        ("url=rtsp://h/1;rtptime=7;seq=5", (RtpInfo("rtsp://h/1", 5, 7),)),
        (
            "url=rtsp://h/1;seq=5, url=rtsp://h/2,x;rtptime=4294967295",
            (RtpInfo("rtsp://h/1", 5, None), RtpInfo("rtsp://h/2,x", None, 0xFFFFFFFF)),
        ),
        ("url=1;seq=65536;rtptime=4294967296", (RtpInfo("1", None, None),)),
        ("url=1;seq=-1;rtptime=0x5", (RtpInfo("1", None, 0),)),
        ("url=;seq=;rtptime=", (RtpInfo("", None, None),)),
    ],
)
def test_wrong_rtp_info_is_left_out(value: str, expected: tuple[RtpInfo, ...]) -> None:
    assert parse_rtp_info(value) == expected


@given(st.text(max_size=100))
def test_no_header_makes_a_parser_fail(text: str) -> None:
    for value in (text, f"RTP/AVP;{text}", f"url={text};seq={text}"):
        parse_transport(value)
        parse_session(value)
        parse_rtp_info(value)
