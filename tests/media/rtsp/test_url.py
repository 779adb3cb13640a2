import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.media.rtsp.errors import Cause, RtspError
from tandem.media.rtsp.url import (
    CameraUrl,
    Credentials,
    base_url,
    control_url,
    parse_url,
    quote,
    redact,
    redirect_target,
)

DAHUA = "rtsp://10.0.0.5/cam/realmonitor?channel=1&subtype=0"


@pytest.mark.parametrize(
    ("given_url", "text", "host", "port", "credentials"),
    [
        ("rtsp://10.0.0.5/live", "rtsp://10.0.0.5/live", "10.0.0.5", 554, None),
        ("rtsp://10.0.0.5", "rtsp://10.0.0.5/", "10.0.0.5", 554, None),
        ("RTSP://cam:8554/x?a=b", "rtsp://cam:8554/x?a=b", "cam", 8554, None),
        ("rtsps://cam/x", "rtsps://cam/x", "cam", 322, None),
        (
            "rtsp://[fe80::1%25eth0]:8554/x",
            "rtsp://[fe80::1%25eth0]:8554/x",
            "fe80::1%eth0",
            8554,
            None,
        ),
        ("rtsp://u:p@cam/x", "rtsp://cam/x", "cam", 554, ("u", "p")),
        ("rtsp://u@cam/x", "rtsp://cam/x", "cam", 554, ("u", "")),
        ("rtsp://u:p@ss:w@cam/x", "rtsp://cam/x", "cam", 554, ("u", "p@ss:w")),
        ("rtsp://u:%2F%3f%23%40@cam/x", "rtsp://cam/x", "cam", 554, ("u", "/?#@")),
        ("rtsp://u:100%@cam/x", "rtsp://cam/x", "cam", 554, ("u", "100%")),
        ("rtsp://cam/x@y#part", "rtsp://cam/x@y", "cam", 554, None),
        (" rtsp://cam/x\n", "rtsp://cam/x", "cam", 554, None),
    ],
)
def test_a_url_is_taken_apart(
    given_url: str, text: str, host: str, port: int, credentials: tuple[str, str] | None
) -> None:
    url = parse_url(given_url)
    assert (url.text, url.host, url.port) == (text, host, port)
    assert url.is_tls is text.startswith("rtsps")
    assert url.credentials == (Credentials(*credentials) if credentials else None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10.0.0.5/live",
        "http://10.0.0.5/",
        "rtsp://",
        "rtsp:///path",
        "rtsp://u:geheim@/x",
        "rtsp://cam:0/",
        "rtsp://cam:70000/",
        "rtsp://cam:port/",
        "rtsp://u:ge heim@cam/",
        "rtsp://u:geheim/1@cam/x",
        "rtsp://u:geheim%0d%0aX@cam/x",
        "admin:geheim@cam/x",
        "rtsp://cam/x?password=geheim geheim",
        "rtsp://cam/\ud800",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_showing_its_password(text: str) -> None:
    with pytest.raises(RtspError) as caught:
        parse_url(text)
    assert caught.value.cause is Cause.INVALID_URL
    assert "geheim" not in str(caught.value)
    assert "geheim" not in repr(caught.value)


def test_no_repr_shows_a_password() -> None:
    url = parse_url("rtsp://admin:geheim@cam/x?user=a&password=geheim2")
    for shown in (repr(url), str(url), f"{url}", repr(url.credentials), str(url.credentials)):
        assert "geheim" not in shown
    assert "admin" in repr(url)
    assert str(url) == "rtsp://cam/x?user=a&password=***"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://u:p@h/x", "rtsp://***@h/x"),
        ("see rtsp://u:p@q@h/x and rtsp://h/y.", "see rtsp://***@h/x and rtsp://h/y."),
        ("rtsp://u:p/w@h/x", "rtsp://***@h/x"),
        (
            "rtsp://h/user=a_password=tlJ_wpbo_channel=1.sdp",
            "rtsp://h/user=a_password=***_channel=1.sdp",
        ),
        ("rtsp://h/x?PWD=p&channel=1", "rtsp://h/x?PWD=***&channel=1"),
        ("rtsp://h/x?channel=1", "rtsp://h/x?channel=1"),
    ],
)
def test_passwords_in_urls_are_masked(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_what_a_camera_says_is_quoted_short_printable_and_without_its_password() -> None:
    shown = quote("rtsp://u:geheim@h/\x1b[31m" + "x" * 100_000)
    assert "geheim" not in shown
    assert "\x1b" not in shown
    assert len(shown) < 210


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12))
def test_no_password_survives_redaction_whatever_its_letters(password: str) -> None:
    marked = f"QQ{password}QQ".replace("@", "").replace(" ", "").replace('"', "")
    for breaker in "'<>":
        marked = marked.replace(breaker, "")
    marked = "".join(marked.split())
    assert marked not in redact(f"rtsp://user:{marked}@host/path")


@pytest.mark.parametrize(
    ("content_base", "content_location", "expected"),
    [
        (None, None, "rtsp://10.0.0.5:554/live/ch0"),
        ("", None, "rtsp://10.0.0.5:554/live/ch0"),
        ("rtsp://10.0.0.5/live/ch0/", None, "rtsp://10.0.0.5/live/ch0/"),
        (None, "rtsp://10.0.0.5/other", "rtsp://10.0.0.5/other"),
        ("rtsp://10.0.0.5/base/", "rtsp://10.0.0.5/other", "rtsp://10.0.0.5/base/"),
        ("rtsp://u:p@10.0.0.5/base/", None, "rtsp://10.0.0.5/base/"),
        ("/base/", None, "rtsp://10.0.0.5:554/base/"),
        ("//10.0.0.9/base/", None, "rtsp://10.0.0.9/base/"),
        ("10.0.0.5/base/", None, "rtsp://10.0.0.5/base/"),
        ("10.0.0.5:554/base/", None, "rtsp://10.0.0.5:554/base/"),
        ("192.168.1.7/base/", None, "rtsp://192.168.1.7/base/"),
        ("base/", None, "rtsp://10.0.0.5:554/live/base/"),
    ],
)
def test_a_base_may_lack_its_scheme_or_its_host(
    content_base: str | None, content_location: str | None, expected: str
) -> None:
    assert base_url("rtsp://10.0.0.5:554/live/ch0", content_base, content_location) == expected


@pytest.mark.parametrize(
    ("base", "control", "expected"),
    [
        ("rtsp://h/live", "*", "rtsp://h/live"),
        ("rtsp://h/live/", None, "rtsp://h/live/"),
        ("rtsp://h/live", "trackID=1", "rtsp://h/live/trackID=1"),
        ("rtsp://h/live/", "trackID=1", "rtsp://h/live/trackID=1"),
        ("rtsp://h/live/", "/trackID=1", "rtsp://h/live/trackID=1"),
        ("rtsp://h/live/", "rtsp://h/elsewhere", "rtsp://h/elsewhere"),
        ("rtsp://h/live/", "rtsp://u:p@h/elsewhere", "rtsp://h/elsewhere"),
        (DAHUA, "trackID=0", f"{DAHUA}/trackID=0"),
        (f"{DAHUA}/", "trackID=0", f"{DAHUA}/trackID=0"),
    ],
)
def test_a_control_is_appended_to_the_base_as_cameras_expect(
    base: str, control: str | None, expected: str
) -> None:
    assert control_url(base, control) == expected


def follow(current: str, location: str) -> CameraUrl:
    return redirect_target(parse_url(current), location)


def test_credentials_follow_a_redirect_on_the_same_host() -> None:
    target = follow("rtsp://u:p@Cam/x", "rtsp://cam:8554/y")
    assert target.credentials == Credentials("u", "p")
    assert (target.text, target.port) == ("rtsp://cam:8554/y", 8554)


@pytest.mark.parametrize(
    ("current", "location"),
    [
        ("rtsp://u:p@cam/x", "rtsp://evil/x"),
        ("rtsp://u:p@cam/x", "rtsp://cam.evil/x"),
        ("rtsps://u:p@cam/x", "rtsp://cam/x"),
    ],
)
def test_credentials_follow_to_no_other_host_and_into_no_plain_connection(
    current: str, location: str
) -> None:
    assert follow(current, location).credentials is None


def test_a_redirect_may_bring_credentials_and_may_be_relative() -> None:
    assert follow("rtsp://u:p@cam/x", "rtsp://v:q@new/x").credentials == Credentials("v", "q")
    assert follow("rtsp://u:p@cam:8554/x", "/y").text == "rtsp://cam:8554/y"


def test_a_redirect_to_nowhere_is_the_cameras_fault() -> None:
    with pytest.raises(RtspError, match="redirects to") as caught:
        follow("rtsp://cam/x", "http://cam:99999/")
    assert caught.value.cause is Cause.PROTOCOL
