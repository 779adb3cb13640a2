"""libav's errors, in words for the one who has to do something about them."""

import errno
import os

import av.error
import pytest

from tandem.recording.foreign.causes import explain
from tandem.recording.source import Cause


def libav_error(code: int) -> av.error.FFmpegError:
    with pytest.raises(av.error.FFmpegError) as caught:
        av.error.err_check(-code)
    return caught.value


@pytest.mark.parametrize(
    ("code", "is_open", "cause"),
    [
        (errno.ETIMEDOUT, False, Cause.UNREACHABLE),
        (errno.ETIMEDOUT, True, Cause.STALLED),
        (errno.EHOSTUNREACH, False, Cause.UNREACHABLE),
        (errno.ENETUNREACH, False, Cause.UNREACHABLE),
        (errno.EIO, False, Cause.PROTOCOL),
        (errno.EIO, True, Cause.CLOSED),
        (errno.ECONNRESET, True, Cause.CLOSED),
        (errno.EPIPE, True, Cause.CLOSED),
        (errno.ENOMEM, True, Cause.PROTOCOL),
        (errno.EACCES, False, Cause.UNAUTHORISED),
    ],
)
def test_an_error_means_something_else_before_and_after_the_stream_is_open(
    code: int, is_open: bool, cause: Cause
) -> None:
    failure = explain(libav_error(code), "http://192.0.2.1/x", is_open=is_open)
    assert failure.cause is cause
    assert "http://192.0.2.1/x" in failure.sentence


def test_an_error_that_nobody_foresaw_keeps_its_own_words() -> None:
    failure = explain(libav_error(errno.EPROTO), "http://192.0.2.1/x", is_open=True)
    assert failure.cause is Cause.PROTOCOL
    assert os.strerror(errno.EPROTO) in failure.sentence
