import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.media.rtsp.errors import Cause, RtspError
from tandem.media.rtsp.message import (
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    Headers,
    Message,
    MessageReader,
    Request,
    Response,
)

ANSWER = b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Type: a/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n"


def read(data: bytes, piece_bytes: int | None = None) -> tuple[list[Message], int]:
    """All messages that stand one behind the other in `data`, and the bytes used."""
    reader = MessageReader()
    messages, used = [], 0
    while used < len(data):
        taken, message = reader.feed(data[used : used + (piece_bytes or len(data))])
        used += taken
        if message:
            messages.append(message)
    return messages, used


def test_a_request_is_written_as_the_standard_says() -> None:
    request = Request("DESCRIBE", "rtsp://h/x", Headers([("CSeq", "1"), ("Accept", "a/b")]))
    assert request.to_bytes() == b"DESCRIBE rtsp://h/x RTSP/1.0\r\nCSeq: 1\r\nAccept: a/b\r\n\r\n"


def test_a_body_brings_its_length() -> None:
    response = Response(200, "OK", Headers([("CSeq", "1")]), b"abc")
    assert response.to_bytes() == b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 3\r\n\r\nabc"


def test_a_line_break_cannot_be_smuggled_into_a_header() -> None:
    with pytest.raises(ValueError, match="line break"):
        Request("OPTIONS", "*", Headers([("X", "a\r\nEvil: 1")])).to_bytes()


@pytest.mark.parametrize("piece_bytes", [1, 2, 3, 7, 1000])
def test_an_answer_in_pieces_is_one_answer(piece_bytes: int) -> None:
    [first, second], _ = read(ANSWER * 2, piece_bytes)
    assert first == second
    assert isinstance(first, Response)
    assert (first.status, first.reason, first.body) == (200, "OK", b"v=0\r\n")
    assert first.headers.get("cseq") == "2"


def test_what_follows_a_message_is_left_to_others() -> None:
    used, message = MessageReader().feed(ANSWER + b"$\0\0\4abcd")
    assert message is not None
    assert used == len(ANSWER)


def test_bare_line_feeds_end_lines_too() -> None:
    [message], _ = read(ANSWER.replace(b"\r\n", b"\n").replace(b"Length: 5", b"Length: 4"))
    assert isinstance(message, Response)
    assert message.body == b"v=0\n"


def test_folded_headers_are_joined_and_lines_without_a_colon_skipped() -> None:
    [message], _ = read(
        b"RTSP/1.0 200 OK\r\nPublic: PLAY,\r\n  SETUP\r\nnonsense\r\nCSeq:3 \r\n\r\n"
    )
    assert list(message.headers) == [("Public", "PLAY, SETUP"), ("CSeq", "3")]


def test_a_header_may_come_twice() -> None:
    headers = Headers([("WWW-Authenticate", "Basic"), ("www-authenticate", "Digest")])
    assert headers.all("Www-Authenticate") == ["Basic", "Digest"]


def test_a_status_without_a_reason_is_a_status() -> None:
    [message], _ = read(b"RTSP/1.0 454\r\n\r\n")
    assert isinstance(message, Response)
    assert (message.status, message.reason) == (454, "")


def test_a_carriage_return_alone_cannot_hide_in_a_header() -> None:
    [message], _ = read(b"RTSP/1.0 200 OK\r\nSession: 1\rEvil: 2\r\n\r\n")
    assert message.headers.get("Session") == "1"


def test_the_camera_may_ask_too() -> None:
    [message], _ = read(b"OPTIONS rtsp://h/x RTSP/1.0\r\nCSeq: 9\r\n\r\n")
    assert isinstance(message, Request)
    assert (message.method, message.url) == ("OPTIONS", "rtsp://h/x")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP/1.1 400 Bad Request.*554"),
        (b"RTSP/1.0 abc\r\n\r\n", "not RTSP"),
        (b"RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n", "no number"),
        (b"RTSP/1.0 200 OK\r\nContent-Length: 1e3\r\n\r\n", "no number"),
        (b"RTSP/1.0 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "not accepted"),
        (b"RTSP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1), "not accepted"),
        (b"RTSP/1.0 200 OK\r\n" + b"a: b\r\n" * 129 + b"\r\n", "129 header fields"),
        (b"RTSP/1.0 200 OK\r\nX: " + b"a" * MAX_HEAD_BYTES, "header of more than"),
    ],
)
def test_what_is_no_rtsp_or_too_much_of_it_is_refused_in_a_sentence(
    data: bytes, words: str
) -> None:
    with pytest.raises(RtspError, match=words) as caught:
        read(data)
    assert caught.value.cause is Cause.PROTOCOL


def test_an_endless_header_is_refused_before_it_fills_the_memory() -> None:
    reader = MessageReader()
    reader.feed(b"RTSP/1.0 200 OK\r\n")
    for _ in range(MAX_HEAD_BYTES):
        try:
            reader.feed(b"x")
        except RtspError:
            break
    else:
        pytest.fail("never refused")
    assert len(reader._head) <= MAX_HEAD_BYTES


def test_the_largest_body_is_read() -> None:
    body = bytes(MAX_BODY_BYTES)
    [message], _ = read(Response(200, "OK", body=body).to_bytes(), 4096)
    assert message.body == body


def test_a_password_is_in_no_repr_of_a_message() -> None:
    headers = Headers([("Authorization", "Basic c2VjcmV0"), ("Location", "rtsp://u:secret@h/")])
    shown = repr(Request("PLAY", "rtsp://h/?password=secret", headers))
    assert "secret" not in shown
    assert "c2VjcmV0" not in shown
    assert "PLAY" in shown


WORDS = st.text(
    st.characters(codec="ascii", exclude_characters=":\r\n \t", min_codepoint=33),
    min_size=1,
    max_size=12,
)


@given(
    status=st.integers(100, 599),
    headers=st.lists(
        st.tuples(WORDS.filter(lambda w: w.lower() != "content-length"), WORDS), max_size=8
    ),
    body=st.binary(max_size=200),
    piece_bytes=st.integers(1, 50),
)
def test_whatever_is_written_reads_the_same(
    status: int, headers: list[tuple[str, str]], body: bytes, piece_bytes: int
) -> None:
    data = Response(status, "OK", Headers(headers), body).to_bytes()
    [message], used = read(data, piece_bytes)
    assert used == len(data)
    assert isinstance(message, Response)
    assert (message.status, message.body) == (status, body)
    assert list(message.headers)[: len(headers)] == headers


@given(
    st.lists(
        st.binary(max_size=60) | st.sampled_from([ANSWER, b"\r\n\r\n", b"RTSP/1.0 200"]),
        max_size=20,
    )
)
def test_no_bytes_do_worse_than_a_refusal(pieces: list[bytes]) -> None:
    reader = MessageReader()
    for piece in pieces:
        used = 0
        while used < len(piece):
            try:
                taken, _ = reader.feed(piece[used:])
            except RtspError:
                return
            assert taken > 0
            used += taken
