import pytest
from tests.media.rtsp.dialogue import (
    AUDIO,
    DIGEST,
    VIDEO,
    described,
    dialogue,
    playing,
)

from tandem.media.rtsp.client import RtspClient
from tandem.media.rtsp.errors import Cause, RtspError
from tandem.media.rtsp.events import (
    InterleavedDelivery,
    Playing,
    Send,
    TracksReady,
    UdpDelivery,
)
from tandem.media.rtsp.transport import LowerTransport
from tandem.media.rtsp.url import parse_url
from tandem.media.units import Codec

TCP, UDP = LowerTransport.TCP, LowerTransport.UDP
DAHUA = "rtsp://10.0.0.5/cam/realmonitor?channel=1&subtype=0"


def test_a_session_goes_from_options_to_play() -> None:
    one = described(VIDEO + AUDIO, "Content-Base: rtsp://10.0.0.5/live/")
    one.answer(headers="Session: 77;timeout=30|Transport: RTP/AVP/TCP;interleaved=0-1;ssrc=AB")
    one.answer(headers="Session: 77|Transport: RTP/AVP/TCP;interleaved=2-3")
    one.answer(headers="RTP-Info: url=rtsp://10.0.0.5/live/trackID=1;seq=5;rtptime=9")
    assert one.methods == "OPTIONS DESCRIBE SETUP SETUP PLAY"
    _, describe, first, second, play = one.sent
    assert [each.headers["CSeq"] for each in one.sent] == ["1", "2", "3", "4", "5"]
    assert describe.headers["Accept"] == "application/sdp"
    assert first.url == "rtsp://10.0.0.5/live/trackID=1"
    assert first.headers["Transport"] == "RTP/AVP/TCP;unicast;interleaved=0-1"
    assert "Session" not in first.headers
    assert second.headers["Session"] == play.headers["Session"] == "77"
    assert play.url == "rtsp://10.0.0.5/live/"
    video, audio = one.ready.tracks
    assert (video.format.codec, audio.format.codec) == (Codec.H264, Codec.PCMA)
    assert (video.delivery, video.ssrc) == (InterleavedDelivery(0, 1), 0xAB)
    assert (audio.delivery, audio.ssrc) == (InterleavedDelivery(2, 3), None)
    assert isinstance(one.events[-1], Playing)
    assert one.events[-1].rtp_info[0].sequence == 5


def test_tracks_are_ready_before_play_is_sent_since_packets_may_overtake_its_answer() -> None:
    one = described().answer(headers="Session: 1")
    assert [type(event) for event in one.events[-2:]] == [TracksReady, Send]
    assert one.last.method == "PLAY"


def test_the_password_is_in_no_request_event_or_repr() -> None:
    one = dialogue().answer("401 Unauthorized", f"WWW-Authenticate: {DIGEST.format('n')}")
    one.answer("401 Unauthorized", f"WWW-Authenticate: {DIGEST.format('m')}")
    assert not any("geheim" in repr(each) for each in (one.sent, one.events, one.client))
    basic = dialogue().answer("401 Unauthorized", 'WWW-Authenticate: Basic realm="x"')
    assert "Basic" not in repr(basic.events)


# What cameras get wrong


def test_a_camera_that_refuses_options_is_described_all_the_same() -> None:
    assert dialogue().answer("501 Not Implemented").last.method == "DESCRIBE"


def test_a_query_in_the_url_stays_in_that_of_the_track() -> None:
    one = described(VIDEO, f"Content-Base: {DAHUA}/", url=DAHUA)
    assert one.last.url == f"{DAHUA}/trackID=1"
    assert described(VIDEO, url=DAHUA).last.url == f"{DAHUA}/trackID=1"


def test_a_lone_track_without_control_is_set_up_by_the_url_of_the_session() -> None:
    one = described(
        "a=control:rtsp://10.0.0.5/all\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\n"
    )
    assert one.last.url == "rtsp://10.0.0.5/all"
    assert one.answer(headers="Session: 1").last.url == "rtsp://10.0.0.5/all"


def test_the_first_session_id_stays_though_each_setup_brings_another() -> None:
    one = described(VIDEO + AUDIO).answer(headers="Session: 1").answer(headers="Session: 2")
    assert one.sent[-2].headers["Session"] == one.last.headers["Session"] == "1"


def test_a_session_id_that_comes_late_is_taken() -> None:
    one = described().answer().answer(headers="Session: 9;timeout=20").wait(10)
    assert one.last.headers["Session"] == "9"


@pytest.mark.parametrize("cseq", ["", "1", "99", "x"])
def test_an_answer_with_a_wrong_number_or_none_answers_what_waits(cseq: str) -> None:
    one = described().answer(headers="Session: 1", cseq=cseq).answer(cseq=cseq)
    assert isinstance(one.events[-1], Playing)


def test_an_answer_that_nobody_waits_for_is_counted_and_changes_nothing() -> None:
    one = playing()
    sent = len(one.sent)
    one.answer("454 Session Not Found").answer("401 Unauthorized")
    assert one.client.stray_answers == 2
    assert len(one.sent) == sent


def test_an_interim_answer_is_none() -> None:
    one = dialogue().answer("100 Continue")
    assert one.methods == "OPTIONS"
    assert one.answer().methods == "OPTIONS DESCRIBE"


def test_the_channels_are_those_that_the_camera_chose() -> None:
    one = described(VIDEO + AUDIO)
    one.answer(headers="Session: 1|Transport: RTP/AVP/TCP;interleaved=4-5")
    one.answer(headers="Transport: RTP/AVP/TCP;interleaved=6-7")
    assert [track.delivery for track in one.ready.tracks] == [
        InterleavedDelivery(4, 5),
        InterleavedDelivery(6, 7),
    ]


def test_a_camera_that_names_the_same_channels_twice_is_taken_to_mean_those_asked_for() -> None:
    one = described(VIDEO + AUDIO)
    for _ in range(2):
        one.answer(headers="Session: 1|Transport: RTP/AVP/TCP;interleaved=0-1")
    assert [track.delivery for track in one.ready.tracks] == [
        InterleavedDelivery(0, 1),
        InterleavedDelivery(2, 3),
    ]


@pytest.mark.parametrize("status", ["461 Unsupported Transport", "500 Error", "503 Busy", "404 No"])
def test_sound_that_is_refused_costs_no_video(status: str) -> None:
    one = described(VIDEO + AUDIO).answer(headers="Session: 1").answer(status).answer()
    assert isinstance(one.events[-1], Playing)
    assert [track.media.kind for track in one.ready.tracks] == ["video"]
    assert [media.kind for media in one.ready.left_out] == ["audio"]


def test_a_session_that_is_lost_between_two_tracks_is_lost() -> None:
    one = described(VIDEO + AUDIO).answer(headers="Session: 1").answer("454 Session Not Found")
    assert one.error.cause is Cause.SESSION_LOST


# What is recorded


def test_video_is_set_up_first_and_what_cannot_be_recorded_is_named() -> None:
    jpeg = "m=video 0 RTP/AVP 26\r\na=control:jpeg\r\n"
    metadata = "m=application 0 RTP/AVP 107\r\na=control:meta\r\n"
    one = described(AUDIO + metadata + jpeg + VIDEO)
    assert one.last.url.endswith("trackID=1")
    one.answer(headers="Session: 1")
    assert one.last.url.endswith("trackID=2")
    one.answer()
    assert [track.media.kind for track in one.ready.tracks] == ["video", "audio"]
    assert [media.control for media in one.ready.left_out] == ["meta", "jpeg"]


def test_sound_is_left_out_if_it_is_not_wanted() -> None:
    one = described(VIDEO + AUDIO, with_audio=False).answer(headers="Session: 1")
    assert one.methods == "OPTIONS DESCRIBE SETUP PLAY"
    assert [media.kind for media in one.ready.left_out] == ["audio"]


def test_the_way_back_to_the_loudspeaker_is_not_recorded() -> None:
    back = AUDIO.replace("trackID=2", "back") + "a=sendonly\r\n"
    one = described(VIDEO + back + AUDIO).answer(headers="Session: 1")
    assert one.last.url.endswith("trackID=2")


def test_sound_that_is_switched_off_is_not_waited_for() -> None:
    one = described(VIDEO + AUDIO + "a=inactive\r\n").answer(headers="Session: 1")
    assert one.last.method == "PLAY"


def test_a_camera_that_marks_all_it_sends_as_sendonly_is_recorded_with_sound() -> None:
    one = described(VIDEO + "a=sendonly\r\n" + AUDIO + "a=sendonly\r\n").answer(
        headers="Session: 1"
    )
    assert one.last.url.endswith("trackID=2")


# Who we are


def challenge(*headers: str) -> str:
    return "|".join(f"WWW-Authenticate: {header}" for header in headers)


def test_a_challenge_is_answered_once_and_every_request_after_it_proves_itself() -> None:
    one = dialogue().answer("401 Unauthorized", challenge(DIGEST.format("n")))
    assert one.methods == "OPTIONS OPTIONS"
    assert 'uri="rtsp://10.0.0.5/live"' in one.last.headers["Authorization"]
    one.answer().answer(body=VIDEO)
    assert one.last.method == "SETUP"
    assert 'uri="rtsp://10.0.0.5/live/trackID=1"' in one.last.headers["Authorization"]


def test_a_wrong_password_costs_one_attempt() -> None:
    one = dialogue()
    for nonce in "ab":
        one.answer("401 Unauthorized", challenge(DIGEST.format(nonce)))
    assert one.methods == "OPTIONS OPTIONS"
    assert one.error.cause is Cause.UNAUTHORISED
    assert '"admin"' in str(one.error)
    assert "geheim" not in str(one.error)


def test_a_stale_nonce_is_no_wrong_password() -> None:
    one = dialogue().answer("401 Unauthorized", challenge(DIGEST.format("a")))
    one.answer("401 Unauthorized", challenge(DIGEST.format("b") + ", stale=true"))
    assert 'nonce="b"' in one.last.headers["Authorization"]
    assert one.answer().last.method == "DESCRIBE"


def test_a_nonce_that_is_stale_for_ever_is_given_up() -> None:
    one = dialogue()
    for _ in range(10):
        one.answer("401 Unauthorized", challenge(DIGEST.format("b") + ", stale=true"))
    assert one.error.cause is Cause.UNAUTHORISED
    assert len(one.sent) <= 5


def test_a_nonce_for_one_use_only_is_answered_request_by_request() -> None:
    one = dialogue()
    for method in ("OPTIONS", "DESCRIBE", "SETUP"):
        assert one.last.method == method
        one.answer("401 Unauthorized", challenge(DIGEST.format(method)))
        assert f'nonce="{method}"' in one.last.headers["Authorization"]
        one.answer(body=VIDEO if method == "DESCRIBE" else "")
    assert one.last.method == "PLAY"


def test_the_strongest_challenge_is_answered() -> None:
    basic, md5 = 'Basic realm="x"', DIGEST.format("n")
    for offers in ((basic, md5), (md5, basic)):
        one = dialogue().answer("401 Unauthorized", challenge(*offers))
        assert one.last.headers["Authorization"].startswith("Digest ")
    one = dialogue().answer("401 Unauthorized", challenge(md5, f"{md5}, algorithm=SHA-256", basic))
    assert "algorithm=SHA-256" in one.last.headers["Authorization"]


@pytest.mark.parametrize(
    ("url", "header", "words"),
    [
        ("rtsp://10.0.0.5/live", challenge(DIGEST.format("n")), "asks for a user name"),
        ("rtsp://u:geheim@10.0.0.5/live", challenge("Negotiate"), "Negotiate.*set its RTSP"),
        ("rtsp://u:geheim@10.0.0.5/live", "", "not supported"),
    ],
)
def test_a_challenge_that_cannot_be_answered_says_what_to_do(
    url: str, header: str, words: str
) -> None:
    one = dialogue(url).answer("401 Unauthorized", header)
    assert one.error.cause is Cause.UNAUTHORISED
    with pytest.raises(RtspError, match=words):
        raise one.error


# How packets travel


def test_udp_is_asked_for_with_our_ports_and_yields_those_of_the_camera() -> None:
    ports = ((5000, 5001), (5002, 5003))
    one = described(VIDEO + AUDIO, transports=(UDP,), udp_ports=ports)
    assert one.last.headers["Transport"] == "RTP/AVP;unicast;client_port=5000-5001"
    one.answer(headers="Session: 1|Transport: RTP/AVP;server_port=7000-7001;source=10.0.0.9;ssrc=7")
    assert one.last.headers["Transport"] == "RTP/AVP;unicast;client_port=5002-5003"
    one.answer(headers="Transport: RTP/AVP")
    assert [track.delivery for track in one.ready.tracks] == [
        UdpDelivery((5000, 5001), (7000, 7001), "10.0.0.9"),
        UdpDelivery((5002, 5003), None, "10.0.0.5"),
    ]
    assert one.ready.tracks[0].ssrc == 7


@pytest.mark.parametrize("order", [(TCP, UDP), (UDP, TCP)])
def test_a_refused_transport_leads_to_the_next(order: tuple[LowerTransport, ...]) -> None:
    ports = ((5000, 5001), (5002, 5003))
    one = described(VIDEO, transports=order, udp_ports=ports).answer("461 Unsupported Transport")
    assert one.methods == "OPTIONS DESCRIBE SETUP SETUP"
    assert ("interleaved" in one.last.headers["Transport"]) is (order[1] is TCP)
    one.answer("461 Unsupported Transport")
    assert one.error.cause is Cause.UNSUPPORTED_TRANSPORT


def test_a_camera_that_insists_on_another_transport_is_refused() -> None:
    one = described().answer(headers="Session: 1|Transport: RTP/AVP;server_port=7000-7001")
    assert one.error.cause is Cause.UNSUPPORTED_TRANSPORT
    assert "UDP" in str(one.error)
    assert one.last.method == "TEARDOWN"


def test_udp_without_ports_is_a_mistake_of_the_caller() -> None:
    url = parse_url("rtsp://h/")
    with pytest.raises(ValueError, match="ports"):
        RtspClient(url, client_nonce="c", transports=[UDP], udp_ports=[(1, 2)])
    with pytest.raises(ValueError, match="transport"):
        RtspClient(url, client_nonce="c", transports=[])
