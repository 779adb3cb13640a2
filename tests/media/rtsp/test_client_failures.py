"""What the client makes of refusals, of streams without video, and of nonsense."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.media.rtsp.dialogue import AUDIO, DIGEST, PUBLIC, VIDEO, described, dialogue, playing

from tandem.media.rtsp.errors import Cause, RtspError
from tandem.media.rtsp.events import Ended, Failed, Redirected, Send
from tandem.media.rtsp.message import Headers, Request, Response

# What cannot be recorded


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        ("400 Bad Request", Cause.PROTOCOL),
        ("403 Forbidden", Cause.UNAUTHORISED),
        ("404 Not Found", Cause.NOT_FOUND),
        ("410 Gone", Cause.NOT_FOUND),
        ("453 Not Enough Bandwidth", Cause.SESSION_LIMIT),
        ("454 Session Not Found", Cause.SESSION_LOST),
        ("461 Unsupported Transport", Cause.UNSUPPORTED_TRANSPORT),
        ("500 Internal Server Error", Cause.CAMERA_ERROR),
        ("503 Service Unavailable", Cause.SESSION_LIMIT),
        ("302 Found", Cause.PROTOCOL),  # without a Location
        ("600 ?", Cause.CAMERA_ERROR),
    ],
)
def test_each_refusal_has_its_cause_and_quotes_the_camera(status: str, cause: Cause) -> None:
    for step in ("DESCRIBE", "SETUP", "PLAY"):
        one = described() if step != "DESCRIBE" else dialogue().answer()
        if step == "PLAY":
            one.answer(headers="Session: 1")
        assert one.last.method == step
        one.answer(status)
        assert one.error.cause is cause
        assert status in str(one.error)
        assert one.error.args[0].endswith((".", "`."))
        assert one.client.next_tick_us is None


@pytest.mark.parametrize(
    ("sdp", "cause", "words"),
    [
        (AUDIO, Cause.NO_VIDEO, "no video"),
        ("<html>", Cause.NO_VIDEO, "path"),
        (" \r\n", Cause.PROTOCOL, "without a description"),
        ("", Cause.PROTOCOL, "without a description"),
        ("m=video 0 RTP/AVP 26\r\n", Cause.UNSUPPORTED_CODEC, "JPEG.*H.264"),
        ("m=video 0 RTP/AVP 97\r\n", Cause.UNSUPPORTED_CODEC, "97"),
        ("m=video\r\n", Cause.UNSUPPORTED_CODEC, "unnamed"),
    ],
)
def test_a_stream_without_usable_video_says_so(sdp: str, cause: Cause, words: str) -> None:
    one = described(sdp)
    assert one.error.cause is cause
    with pytest.raises(RtspError, match=words):
        raise one.error


def test_a_session_that_fails_is_given_back_and_a_lost_one_is_not() -> None:
    one = described().answer(headers="Session: 77").answer("500 Internal Server Error")
    assert one.methods.endswith("PLAY TEARDOWN")
    assert one.last.headers["Session"] == "77"
    assert isinstance(one.events[-1], Failed)
    lost = described().answer(headers="Session: 77").answer("454 Session Not Found")
    assert lost.methods.endswith("PLAY")


def test_the_readers_error_ends_the_session_too() -> None:
    one = playing()
    events = one.client.fail(RtspError(Cause.PROTOCOL, "garbage"), 0)
    assert [type(event) for event in events] == [Send, Failed]
    assert one.client.fail(RtspError(Cause.PROTOCOL, "garbage"), 0) == []


MESSAGES = st.builds(
    Response,
    st.sampled_from([100, 200, 250, 301, 401, 404, 453, 454, 461, 500, 503]),
    st.text(max_size=5),
    st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "CSeq",
                    "Session",
                    "Transport",
                    "Location",
                    "WWW-Authenticate",
                    "Public",
                    "RTP-Info",
                ]
            ),
            st.sampled_from(
                [
                    "1",
                    "rtsp://x/",
                    "/x",
                    DIGEST,
                    "Basic",
                    PUBLIC,
                    "RTP/AVP",
                    "RTP/AVP/TCP",
                    "0;timeout=1",
                ]
            ),
        ),
        max_size=4,
    ).map(Headers),
    st.sampled_from([b"", VIDEO.encode(), (AUDIO + VIDEO).encode(), b"\xff"]),
) | st.builds(
    Request,
    st.sampled_from(["OPTIONS", "ANNOUNCE", "TEARDOWN", "REDIRECT", "X"]),
    st.just("*"),
    st.lists(
        st.tuples(st.sampled_from(["CSeq", "Location"]), st.just("rtsp://y/")), max_size=2
    ).map(Headers),
)


@given(st.lists(MESSAGES | st.integers(0, 20), max_size=30))
def test_no_order_of_messages_does_worse_than_a_failure(
    steps: list[Request | Response | int],
) -> None:
    one = dialogue()
    for step in steps:
        if isinstance(step, int):
            one.wait(step)
        else:
            one.take(step)
        if isinstance(one.events[-1], Redirected):
            one.start()
    ends = [event for event in one.events if isinstance(event, Failed | Ended)]
    assert len(ends) <= 1
    if ends:
        assert one.events[-1] is ends[0]
        assert one.client.next_tick_us is None
