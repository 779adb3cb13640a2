"""A camera's description: what is refused, and that passwords stay out of sight."""

import json

import pytest

from tandem.recording.camera import (
    CameraError,
    Login,
    Relay,
    check_url,
    encode_stream_order,
    parse_stream_order,
)

RELAY = {"node_id": "node1", "addresses": ["10.0.1.1", "fd00::1"], "port": 2381}
MINIMAL = {"camera_id": "gate-1", "camera_name": "Gate", "url": "rtsp://192.0.2.1/s"}


def test_a_minimal_order_records_the_main_stream_over_tcp_without_sound() -> None:
    order = parse_stream_order(MINIMAL)
    assert (order.stream, order.transport, order.audio, order.login) == ("main", "tcp", False, None)
    assert order.is_native


def test_other_schemes_are_left_to_libav() -> None:
    order = parse_stream_order(MINIMAL | {"url": "srt://192.0.2.1:7001"})
    assert not order.is_native


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("rtsp://admin:pw@192.0.2.1/s", "password in it"),
        ("rtsp://admin@192.0.2.1/s", "password in it"),
        ("192.0.2.1/s", "cannot be read"),
        ("rtsp:///s", "cannot be read"),
        ("rtsp://192.0.2.1:port/s", "port"),
        ("rtsp://192.0.2.1:99999/s", "port"),
        ("", "cannot be read"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_by_the_cameras_name(url: str, words: str) -> None:
    with pytest.raises(CameraError, match="Gate") as refusal:
        check_url(url, "Gate")
    assert words in str(refusal.value)
    assert "pw" not in str(refusal.value)


@pytest.mark.parametrize("camera_id", ["", "../etc", "a b", "käse", "a/b", "a\0b"])
def test_an_id_that_is_no_safe_path_is_refused(camera_id: str) -> None:
    with pytest.raises(CameraError, match="not a camera id"):
        parse_stream_order(MINIMAL | {"camera_id": camera_id})


def test_an_unknown_setting_is_named() -> None:
    with pytest.raises(CameraError, match="'rol'"):
        parse_stream_order(MINIMAL | {"rol": "second"})


def test_an_impossible_value_is_named() -> None:
    with pytest.raises(CameraError, match="'tertiary'"):
        parse_stream_order(MINIMAL | {"role": "tertiary"})


def test_no_representation_shows_the_password() -> None:
    order = parse_stream_order(MINIMAL | {"username": "admin", "password": "s3cret"})
    assert order.login == Login("admin", "s3cret")
    assert "s3cret" not in f"{order!r} {order!s} {order.login!r}"


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"stream": "sub", "transport": "udp", "audio": True, "role": "second"},
        {"username": "admin", "password": "s3cret"},
        {"relays": True},
        {"relay": RELAY},
    ],
)
def test_an_order_is_read_as_it_was_written(more: dict[str, object]) -> None:
    order = parse_stream_order(MINIMAL | more)
    assert parse_stream_order(json.loads(json.dumps(encode_stream_order(order)))) == order


def test_an_order_may_say_which_node_passes_the_camera_on() -> None:
    order = parse_stream_order(MINIMAL | {"relay": RELAY})
    assert order.relay == Relay("node1", ("10.0.1.1", "fd00::1"), 2381)
    assert not order.relays


def test_what_is_passed_on_here_is_not_passed_on_again() -> None:
    with pytest.raises(CameraError, match="not passed on again"):
        parse_stream_order(MINIMAL | {"relay": RELAY, "relays": True})


@pytest.mark.parametrize(
    "wrong",
    [
        {"node_id": ""},
        {"addresses": []},
        {"addresses": ["node1.example"]},
        {"addresses": 7},
        {"port": 0},
        {"port": 1 << 16},
        {"port": "2381"},
    ],
)
def test_a_relay_that_cannot_be_asked_is_refused_by_the_cameras_name(
    wrong: dict[str, object],
) -> None:
    with pytest.raises(CameraError, match="Gate"):
        parse_stream_order(MINIMAL | {"relay": RELAY | wrong})
