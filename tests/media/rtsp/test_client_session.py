"""A session that plays: keeping it alive, ending it, being redirected and being asked."""

import pytest
from tests.media.rtsp.dialogue import (
    DIGEST,
    PUBLIC,
    SECOND_US,
    VIDEO,
    Dialogue,
    described,
    dialogue,
    playing,
)

from tandem.media.rtsp.errors import Cause, RtspError
from tandem.media.rtsp.events import Ended, Failed, Playing, Redirected
from tandem.media.rtsp.session import CameraSession
from tandem.media.rtsp.url import Credentials

# Ending what another one left open


@pytest.mark.parametrize("status", ["200 OK", "454 Session Not Found", "302 Found"])
def test_a_session_that_another_one_left_open_is_ended_and_nothing_else_is_done(
    status: str,
) -> None:
    one = dialogue(only_ends=CameraSession("rtsp://10.0.0.5/live/", "77"))
    one.answer("401 Unauthorized", f"WWW-Authenticate: {DIGEST.format('n')}")
    assert (one.last.url, one.last.headers["Session"]) == ("rtsp://10.0.0.5/live/", "77")
    assert 'uri="rtsp://10.0.0.5/live/"' in one.last.headers["Authorization"]
    one.answer(status)
    assert one.methods == "TEARDOWN TEARDOWN"
    assert one.events[-1] == Ended()


def test_a_camera_that_never_answers_that_is_not_waited_for() -> None:
    one = dialogue(only_ends=CameraSession("rtsp://10.0.0.5/live/", "77")).wait(10)
    assert one.events[-1] == Ended()
    assert one.client.next_tick_us is None


def test_the_session_is_told_once_the_camera_has_given_one() -> None:
    assert described().client.session is None
    for said, timeout_s in (("77", 60), ("77;timeout=15", 15), ("77;timeout=0", 60)):
        told = CameraSession("rtsp://10.0.0.5/live", "77", timeout_s)
        assert playing(said).client.session == told


# Keeping alive


@pytest.mark.parametrize(
    ("session", "interval_s"),
    [
        ("1", 30),
        ("1;timeout=60", 30),
        ("1;timeout=15", 7.5),
        ("1;timeout=1", 1),
        ("1;timeout=0", 30),
        ("1;timeout=3600", 30),
    ],
)
def test_a_session_is_kept_alive_at_half_its_timeout(session: str, interval_s: float) -> None:
    one = playing(session)
    assert one.client.next_tick_us == interval_s * SECOND_US
    sent = len(one.sent)
    for _ in range(5):
        one.wait(interval_s - 0.001)
        assert len(one.sent) == sent
        one.wait(0.001).answer()
        sent += 1
        assert len(one.sent) == sent
        assert one.last.method == "GET_PARAMETER"
        assert one.last.headers["Session"] == "1"


def test_a_timeout_that_comes_late_counts() -> None:
    one = described().answer(headers="Session: 1").answer(headers="Session: 1;timeout=10")
    assert one.client.next_tick_us == 5 * SECOND_US


def test_options_keep_alive_a_camera_that_offers_nothing_better() -> None:
    assert playing(public="OPTIONS, DESCRIBE, SETUP, PLAY").wait(30).last.method == "OPTIONS"


def test_a_keep_alive_that_is_offered_and_refused_gives_way_to_options_at_once() -> None:
    one = playing().wait(30).answer("400 Bad Request", cseq="4")  # the number of the one before
    assert one.methods.endswith("PLAY GET_PARAMETER OPTIONS")
    one.answer("405 Method Not Allowed")
    assert one.wait(30).last.method == "OPTIONS"
    assert not any(isinstance(event, Failed) for event in one.events)


def test_a_camera_that_answers_no_keep_alive_and_sends_no_packet_has_fallen_silent() -> None:
    one = playing().wait(30).wait(9.9, last_packet_us=29 * SECOND_US)
    assert not isinstance(one.events[-1], Failed)
    one.wait(0.1, last_packet_us=29 * SECOND_US)
    assert one.error.cause is Cause.SILENT
    assert "GET_PARAMETER within 10 s" in str(one.error)


def test_a_camera_that_answers_no_keep_alive_and_sends_packets_is_recorded_on() -> None:
    one = playing().wait(30)
    for _ in range(10):
        one.wait(10, last_packet_us=one.now_us + 9 * SECOND_US)
    assert one.client.unanswered_keep_alives == 10
    assert one.last.method == "OPTIONS"
    assert not any(isinstance(event, Failed) for event in one.events)


def test_a_short_session_does_not_run_out_while_an_answer_is_awaited() -> None:
    one = playing("1;timeout=6").wait(3)
    one.wait(3, last_packet_us=one.now_us + SECOND_US)
    assert one.methods.endswith("GET_PARAMETER OPTIONS")


def test_a_late_answer_is_not_taken_for_that_of_the_next_request() -> None:
    one = playing().wait(30)
    late = one.last.headers["CSeq"]
    one.wait(10, last_packet_us=one.now_us + SECOND_US)
    one.answer("400 Bad Request", cseq=late)
    assert one.client.stray_answers == 1
    assert one.client.next_tick_us == one.now_us + 10 * SECOND_US


def test_a_nonce_that_expires_while_playing_is_renewed() -> None:
    one = playing().wait(30).answer("401 Unauthorized", f"WWW-Authenticate: {DIGEST.format('b')}")
    assert one.last.method == "GET_PARAMETER"
    assert 'nonce="b"' in one.last.headers["Authorization"]


def test_a_session_that_the_camera_forgot_is_lost() -> None:
    one = playing().wait(30).answer("454 Session Not Found")
    assert one.error.cause is Cause.SESSION_LOST
    assert one.last.method == "GET_PARAMETER"


@pytest.mark.parametrize("answers", range(4))
def test_a_camera_that_stops_answering_on_the_way_has_fallen_silent(answers: int) -> None:
    one = dialogue()
    for _ in range(answers):
        one.answer(headers="Session: 1", body=VIDEO)
    method = one.last.method
    one.wait(9.9)
    assert one.client.next_tick_us == 10 * SECOND_US
    one.wait(0.1)
    assert one.error.cause is Cause.SILENT
    assert f"{method} within 10 s" in str(one.error)


# Ending


def test_a_session_is_ended_by_teardown_and_its_answer() -> None:
    one = playing().close()
    assert (one.last.method, one.last.headers["Session"]) == ("TEARDOWN", "77")
    assert one.close().last is one.last
    one.answer()
    assert isinstance(one.events[-1], Ended)
    assert one.answer().wait(100).close().events[-1] is one.events[-1]
    assert one.client.next_tick_us is None


@pytest.mark.parametrize("status", ["454 Session Not Found", "500 Oh", "301 Moved", "200 OK"])
def test_whatever_the_answer_to_teardown_the_session_has_ended(status: str) -> None:
    one = playing().close().answer(status, "Location: rtsp://elsewhere/")
    assert isinstance(one.events[-1], Ended)
    assert not any(isinstance(event, Failed) for event in one.events)


def test_teardown_proves_itself_once_or_the_session_would_stay_with_the_camera() -> None:
    one = playing().close()
    for nonce in "ab":
        one.answer("401 Unauthorized", f"WWW-Authenticate: {DIGEST.format(nonce)}")
    assert one.methods.endswith("PLAY TEARDOWN TEARDOWN")
    assert 'nonce="a"' in one.last.headers["Authorization"]
    assert isinstance(one.events[-1], Ended)


def test_a_camera_that_cannot_even_say_goodbye_is_left_after_a_while() -> None:
    one = playing().close().wait(10)
    assert isinstance(one.events[-1], Ended)


def test_what_was_never_set_up_needs_no_teardown() -> None:
    one = dialogue().close()
    assert one.methods == "OPTIONS"
    assert one.events[-1] == Ended()


def test_garbage_after_teardown_is_an_end_like_any_other() -> None:
    one = playing().close()
    assert one.client.fail(RtspError(Cause.PROTOCOL, "garbage"), one.now_us) == [Ended()]


def test_a_connection_that_opens_after_the_end_is_not_used() -> None:
    one = dialogue().answer("302 Found", "Location: rtsp://10.0.0.5/live").close().start()
    assert one.methods == "OPTIONS"
    assert one.events[-1] == Ended()


# Being sent elsewhere


@pytest.mark.parametrize("status", [301, 302, 303, 305, 307])
def test_a_redirect_is_followed_on_a_new_connection(status: int) -> None:
    one = dialogue().answer().answer(f"{status} Moved", "Location: rtsp://10.0.0.5:8554/other")
    redirected = one.events[-1]
    assert isinstance(redirected, Redirected)
    assert (redirected.url.host, redirected.url.port) == ("10.0.0.5", 8554)
    assert redirected.url.credentials == Credentials("admin", "geheim")
    assert one.client.next_tick_us is None
    one.start()
    assert (one.last.method, one.last.url) == ("OPTIONS", "rtsp://10.0.0.5:8554/other")
    assert one.answer().last.url == "rtsp://10.0.0.5:8554/other"


def test_another_host_gets_no_password_and_the_error_says_why() -> None:
    one = dialogue().answer("401 Unauthorized", f"WWW-Authenticate: {DIGEST.format('n')}")
    one.answer("302 Found", "Location: rtsp://evil/x").start()
    assert "Authorization" not in one.last.headers
    one.answer("401 Unauthorized", 'WWW-Authenticate: Basic realm="give"')
    assert one.error.cause is Cause.UNAUTHORISED
    assert "rtsp://evil/x" in str(one.error)
    assert not any("Basic" in sent.headers.get("Authorization", "") for sent in one.sent)


def test_a_redirect_without_an_end_is_a_loop() -> None:
    one = dialogue()
    for _ in range(6):
        one.answer("302 Found", "Location: rtsp://10.0.0.5/live")
        if isinstance(one.events[-1], Redirected):
            one.start()
    assert one.error.cause is Cause.REDIRECT_LOOP
    assert len(one.sent) == 6


def test_a_camera_that_moves_while_playing_gets_its_session_back() -> None:
    one = playing().say(
        "REDIRECT rtsp://h/ RTSP/1.0\r\nCSeq: 5\r\nLocation: rtsp://10.0.0.6/\r\n\r\n"
    )
    assert [sent.method for sent in one.sent[-2:]] == ["RTSP/1.0", "TEARDOWN"]
    assert isinstance(one.events[-1], Redirected)


def test_after_it_plays_a_camera_may_redirect_again() -> None:
    one = dialogue()
    for _ in range(8):
        one.answer("302 Found", "Location: rtsp://10.0.0.5/live").start()
        one.answer().answer(body=VIDEO).answer().answer()
        assert isinstance(one.events[-1], Playing)
        one.say("REDIRECT * RTSP/1.0\r\nLocation: rtsp://10.0.0.5/live\r\n\r\n").start()


# Being asked


def ask(one: Dialogue, method: str) -> Dialogue:
    return one.say(f"{method} rtsp://10.0.0.5/live RTSP/1.0\r\nCSeq: 41\r\n\r\n")


@pytest.mark.parametrize("method", ["OPTIONS", "ANNOUNCE", "GET_PARAMETER", "SET_PARAMETER"])
def test_requests_of_the_camera_are_answered(method: str) -> None:
    for one in (playing(), described()):
        ask(one, method)
        assert (one.last.method, one.last.url) == ("RTSP/1.0", "200")
        assert one.last.headers["CSeq"] == "41"
        assert ("Public" in one.last.headers) is (method == "OPTIONS")


def test_a_request_that_nobody_knows_is_declined() -> None:
    assert ask(playing(), "RECORD").last.url == "501"


def test_a_camera_that_ends_the_session_is_believed() -> None:
    one = ask(playing(), "TEARDOWN")
    assert one.last.url == "200"
    assert one.error.cause is Cause.SESSION_LOST


def test_a_question_does_not_disturb_what_waits_for_its_answer() -> None:
    one = dialogue()
    ask(one, "OPTIONS")
    assert one.answer(headers=f"Public: {PUBLIC}", cseq="1").last.method == "DESCRIBE"


def test_a_flood_of_questions_is_not_answered_for_ever() -> None:
    one = playing()
    for _ in range(300):
        ask(one, "OPTIONS")
    assert one.error.cause is Cause.PROTOCOL
    assert len(one.sent) < 270
