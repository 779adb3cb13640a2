"""What a wrong configuration or a wrong request is answered with."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from tests.lab.camera.conftest import StartCameras
from tests.lab.camera.raw_client import RawClient
from tests.lab.camera.running import with_defaults

from tandem.lab.camera.__main__ import main
from tandem.lab.camera.config import ConfigError, read_config
from tandem.lab.camera.encode import EncodeError, obtain
from tandem.lab.camera.material import MaterialError, load
from tandem.lab.camera.profile import Profile

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"numbr": 1}, "nobody knows the setting numbr"),
    ({"profile": {}}, "missing 1 required positional argument: 'number'"),
    ({"number": 0}, "number has to be from 1 to 4294967295"),
    ({"number": 1, "port": "554"}, "port is '554'; it has to be a whole number"),
    ({"number": True}, "number is True; it has to be a whole number"),
    ({"number": 1, "marked": 1}, "marked is 1; it has to be true or false"),
    ({"number": 1, "start": "soon"}, "it has to be next-keyframe or cached-gop or immediately"),
    ({"number": 1, "profile": 5}, "Profile has to be an object, and not 5"),
    ({"number": 1, "profile": {"fps": 7}}, "fps is 7; it has to divide 90000"),
    ({"number": 1, "profile": {"width": 7}}, "nobody knows the setting width"),
    ({"number": 1, "profile": {"codec": "mpeg2"}}, "codec is 'mpeg2'; it has to be h264 or h265"),
    ({"number": 1, "alternate": {"fps": 10}}, "need the same fps and codec"),
    ({"number": 1, "encoders": 2, "profile": {"gop": "variable"}}, "need a fixed GOP"),
]


@pytest.mark.parametrize(("settings", "sentence"), WRONG)
def test_a_wrong_camera_is_named_with_the_reason(
    settings: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "cameras.json"
    path.write_text(json.dumps({"version": 1, "cameras": [settings]}))
    with pytest.raises(ConfigError, match=sentence):
        read_config(path)


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"version": 2}', '{"version": 1}', '{"version": 1, "cameras": "none"}'],
)
def test_a_file_without_cameras_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "cameras.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"cameras\.json"):
        read_config(path)


def test_two_cameras_at_one_address_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "cameras.json"
    twins = [{"number": number, "port": 554, "path": "same"} for number in (1, 2)]
    path.write_text(json.dumps({"version": 1, "cameras": twins}))
    with pytest.raises(ConfigError, match="each with its own number and its own path"):
        read_config(path)


def test_the_command_says_what_is_wrong_and_exits_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = [f"--{name}={tmp_path / name}" for name in ("config", "cache", "ledgers")]
    assert main(places) == 2
    assert "Cannot read the cameras from" in capsys.readouterr().err


@pytest.mark.real
def test_a_port_that_is_taken_is_named(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = tmp_path / "cameras.json"
        cameras = with_defaults([{"port": port}])
        config.write_text(json.dumps({"version": 1, "cameras": cameras}))
        assert main([f"--config={config}", f"--cache={cache}", f"--ledgers={tmp_path}"]) == 2
    assert f"Cameras cannot listen on 127.0.0.1:{port}: " in capsys.readouterr().err


def test_a_missing_ffmpeg_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EncodeError, match="need ffmpeg"):
        obtain(Profile(), tmp_path / "cache", lambda _: None)
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.real
def test_material_is_encoded_once_and_that_is_told(tmp_path: Path) -> None:
    profile = Profile(width_px=64, height_px=64, length_s=0.2, gop_s=0.1)
    told: list[str] = []
    first = obtain(profile, tmp_path, told.append)
    assert obtain(profile, tmp_path, told.append) == first
    assert len(told) == 1
    assert "Encoding 0.2 s of h264 material" in told[0]


@pytest.mark.real
def test_slices_are_coded_with_cabac_since_only_those_may_be_lengthened(tmp_path: Path) -> None:
    profile = Profile(width_px=64, height_px=64, length_s=0.2, gop_s=0.1)
    _, picture_set = obtain(profile, tmp_path, lambda _: None).parameter_sets
    both_ids_zero, entropy_coding_mode = 0xC0, 0x20
    assert picture_set[1] & both_ids_zero == both_ids_zero
    assert picture_set[1] & entropy_coding_mode


@pytest.mark.real
def test_material_that_cannot_loop_is_refused(tmp_path: Path) -> None:
    profile = Profile(width_px=64, height_px=64, length_s=0.2, gop_s=0.1)
    obtain(profile, tmp_path, lambda _: None)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert load(path, profile).pictures, "A shorter loop is still a loop."
    path.write_bytes(whole.replace(b"\x00\x00\x01\x65", b"\x00\x00\x01\x61"))
    with pytest.raises(MaterialError, match="has to begin with a keyframe"):
        load(path, profile)


REQUESTS = [
    (b"nonsense", "Expecting value"),
    (b"[]", 'a JSON object with "version": 1'),
    (b'{"version": 9, "command": "clear"}', 'a JSON object with "version": 1'),
    (b'{"version": 1}', "command is missing"),
    (b'{"version": 1, "command": "dance"}', "no command 'dance'; there are addresses"),
    (b'{"version": 1, "command": "fault", "camera": 9, "kind": "stall"}', "no camera 9"),
    (b'{"version": 1, "command": "fault", "camera": 1, "kind": "x"}', "not a valid FaultKind"),
    (b'{"version": 1, "command": "fault", "camera": 1, "kind": "loss"}', "needs a value: the perc"),
    (
        b'{"version": 1, "command": "fault", "camera": 1, "kind": "loss", "value": "much"}',
        "has to be a number",
    ),
    (
        b'{"version": 1, "command": "fault", "camera": 1, "kind": "freeze", "client": "a"}',
        "strikes all clients",
    ),
]


def test_a_wrong_request_is_answered_with_a_sentence_and_the_channel_lives(
    start: StartCameras,
) -> None:
    cameras = start()
    for line, sentence in REQUESTS:
        reply = cameras.ask_line(line)
        assert reply["version"] == 1
        assert not reply["ok"]
        assert sentence in reply["error"]
    assert cameras.ask("statistics")["result"]["1"]["faults"] == []
    assert cameras.ask("addresses")["result"] == {"1": cameras.address()}


def test_the_cameras_end_while_somebody_holds_their_control_channel_open(
    start: StartCameras,
) -> None:
    cameras = start()
    with socket.socket(socket.AF_UNIX) as holding:
        holding.connect(str(cameras.socket))
        assert cameras.ask("clear")["ok"]
        cameras.stop()
        assert holding.recv(1) == b""


def test_statistics_tell_sessions_and_faults(start: StartCameras) -> None:
    cameras = start()
    cameras.fault("stall")
    with RawClient(cameras.address()) as client:
        client.play()
        figures = cameras.ask("statistics", camera=1)["result"]["1"]
        assert figures["faults"] == ["stall"]
        assert figures["sessions"] == [{"peer": client.peer, "playing": True, "backlog_bytes": 0}]
        assert figures["next_frame"] > 0
    cameras.fault("stall", duration_s=0)
    cameras.clear()
    assert cameras.ask("statistics")["result"]["1"]["faults"] == []
