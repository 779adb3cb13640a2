"""`tandem camera test`: what a camera sends, and each failure by its name."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.lab.camera.running import CameraThread, with_defaults

from tandem.cli.main import main

pytestmark = pytest.mark.real


def run(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(main, ["camera", "test", *arguments], input=given)


@pytest.fixture
def camera(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CameraThread]:
    settings: dict[str, Any] = {"auth": "digest", "user": "admin", "password": "s3cr3t"}
    cache = tmp_path_factory.getbasetemp() / "camera-material"
    with CameraThread(tmp_path / "cameras", cache, with_defaults([settings])) as cameras:
        yield cameras


@pytest.fixture
def password(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.write_text("s3cr3t\n")
    return str(path)


def test_what_comes_is_told_in_words(camera: CameraThread, password: str) -> None:
    result = run(camera.address(), "--user", "admin", "--password-file", password, "--seconds", "1")
    assert result.exit_code == 0, result.output
    assert "h264 160x96" in result.output
    assert "100.0 a second" in result.output
    assert "keyframes  every 0.1 s" in result.output
    assert "this machine" in result.output


def test_what_comes_is_told_in_json(camera: CameraThread, password: str) -> None:
    arguments = ["--user", "admin", "--password-file", password, "--seconds", "1", "--json"]
    result = run(camera.address(), *arguments)
    told = json.loads(result.output)
    assert (told["version"], told["video"]["codec"], told["audio"]) == (1, "h264", None)
    assert told["pictures"] > 5


def test_a_password_that_is_asked_for_is_not_shown(camera: CameraThread) -> None:
    result = run(camera.address(), "--user", "admin", "--seconds", "0.5", given="s3cr3t\n")
    assert result.exit_code == 0, result.output
    assert "s3cr3t" not in result.output


def test_a_wrong_password_is_told_as_such(camera: CameraThread) -> None:
    result = run(camera.address(), "--user", "admin", "--json", given="wr0ng\n")
    assert result.exit_code == 1
    assert '"cause": "unauthorised"' in result.output
    assert "wr0ng" not in result.output


@pytest.mark.parametrize(
    ("fault", "cause"), [("wrong-path", "not-found"), ("no-video", "no-video")]
)
def test_a_camera_that_says_no_is_told_apart(
    camera: CameraThread, password: str, fault: str, cause: str
) -> None:
    camera.fault(fault)
    result = run(camera.address(), "--user", "admin", "--password-file", password, "--json")
    assert result.exit_code == 1
    assert json.loads(result.output)["cause"] == cause


def test_a_port_that_nobody_listens_on_is_told_as_refused() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    result = run(f"rtsp://127.0.0.1:{port}/x", "--json")
    assert result.exit_code == 1
    assert json.loads(result.output)["cause"] == "refused"


def test_a_name_that_does_not_exist_is_told_as_such() -> None:
    result = run("rtsp://no-such-camera.invalid/x", "--json")
    assert result.exit_code == 1
    assert json.loads(result.output)["cause"] == "name-unknown"


def test_a_failure_says_its_cause_in_words_and_ends() -> None:
    result = run("rtsp://no-such-camera.invalid/x")
    said = " ".join(result.output.split())
    assert "No pictures (name-unknown): the name 'no-such-camera.invalid' is not known" in said
    assert said.endswith(".")


def test_no_time_is_too_short_to_see_anything() -> None:
    assert run("rtsp://192.0.2.1/x", "--seconds", "0").exit_code == 2


def test_a_url_with_a_password_in_it_is_refused_and_not_repeated() -> None:
    result = run("rtsp://admin:s3cr3t@192.0.2.1/x")
    assert result.exit_code == 2
    assert "password in it" in result.output
    assert "s3cr3t" not in result.output


def test_the_root_says_its_version_and_what_there_is() -> None:
    assert CliRunner().invoke(main, ["--version"]).output.startswith("Tandem 0.")
    assert "camera" in CliRunner().invoke(main, []).output
