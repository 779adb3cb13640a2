"""`tandem camera add`, `list`, `show`, `edit` and `remove`, against an agent's own socket."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.material import PASSWORD, Desk, desk_with_agent
from tests.lab.camera.running import CameraThread, with_defaults
from tests.node.control.material import KEY, camera, node

from tandem.cli.common import WIDTH
from tandem.cluster.model import Protection, Stream
from tandem.cluster.suspicion import start
from tandem.node.pulse.reporting import peers_document
from tandem.node.seal import Sealer
from tandem.recording.camera import Login

URL = "rtsp://192.0.2.10/stream1"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_with_agent(tmp_path) as found:
        yield found


def login_of(desk: Desk, camera_id: str = "gate") -> Login | None:
    sealed = desk.agent.stored(camera_id).login
    return None if sealed is None else Sealer(KEY).unseal(camera_id, sealed)


# --- Entering -------------------------------------------------------------------------------------


def test_a_camera_is_entered_with_what_is_said_of_it_and_defaults_for_the_rest(desk: Desk) -> None:
    result = desk.enter("Main gate", URL, "--protection", "mirror", "--keep", "30d", "--audio")
    assert result.exit_code == 0, result.output
    assert "Camera 'main-gate' (Main gate) is entered: mirror, 4 Mbit/s." in result.output
    assert desk.agent.stored("main-gate") == camera(
        "main-gate",
        name="Main gate",
        streams=(Stream("main", URL),),
        protection=Protection.MIRROR,
        keep_s=30 * 86_400,
        audio=True,
    )


def test_all_that_can_be_said_of_a_camera_is_stored(desk: Desk) -> None:
    said = ["--id", "g1", "--name", "Gate 1", "--sub", "rtsp://192.0.2.10/2", "--sub-live-only"]
    said += ["--window", "20m", "--keep-size", "500G", "--transport", "udp", "--bit-rate", "6.5"]
    assert desk.enter("Gate", URL, *said).exit_code == 0
    assert desk.agent.stored("g1") == camera(
        "g1",
        name="Gate 1",
        streams=(Stream("main", URL), Stream("sub", "rtsp://192.0.2.10/2", recorded=False)),
        window_s=1200,
        keep_bytes=500 * 10**9,
        transport="udp",
        bit_rate_mbps=6.5,
    )


@pytest.mark.parametrize(
    ("name", "camera_id"), [("Tor Süd 2", "tor-sud-2"), ("gate_1", "gate_1"), ("A/B  c.", "a-b-c")]
)
def test_an_id_is_made_of_the_name(desk: Desk, name: str, camera_id: str) -> None:
    assert desk.enter(name, URL).exit_code == 0
    assert desk.agent.stored(camera_id).name == name


def test_a_name_of_which_no_id_can_be_made_needs_one(desk: Desk) -> None:
    result = desk.enter("门", URL)
    assert (result.exit_code, "Give one with --id" in result.output) == (2, True)


def test_a_login_is_sealed_and_its_password_never_shown(desk: Desk) -> None:
    result = desk.enter("Gate", URL, "--user", "admin", given=f"{PASSWORD}\n")
    assert result.exit_code == 0, result.output
    assert login_of(desk) == Login("admin", PASSWORD)
    shown = desk.run("camera", "show", "gate").output + desk.run("camera", "list", "--json").output
    assert PASSWORD not in result.output + shown
    assert ["login", "yes"] in [line.split() for line in shown.splitlines()]


def test_a_password_is_read_from_a_file(desk: Desk) -> None:
    path = desk.file("password", f"{PASSWORD}\r\nmore\n")
    assert desk.enter("Gate", URL, "--user", "admin", "--password-file", path).exit_code == 0
    assert login_of(desk) == Login("admin", PASSWORD)


def test_a_camera_that_is_there_is_not_entered_again(desk: Desk) -> None:
    desk.enter()
    result = desk.enter("Gate", "rtsp://192.0.2.99/other")
    assert result.exit_code == 1
    assert "`tandem camera edit gate`" in " ".join(result.output.split())
    assert desk.agent.stored().streams == (Stream("main", URL),)


@pytest.mark.parametrize(
    ("protection", "others", "is_noted"),
    [("hot", 0, True), ("failover", 0, True), ("cold", 0, False), ("hot", 2, False)],
)
def test_nobody_to_stand_in_is_told_where_somebody_should(
    desk: Desk, protection: str, others: int, *, is_noted: bool
) -> None:
    peers = peers_document(start("node1", ["a"], [f"other{each}" for each in range(others)], 0))
    desk.agent.own = node(peers=peers)
    result = desk.enter("Gate", URL, "--protection", protection)
    assert result.exit_code == 0
    assert ("this cluster has one node" in result.stderr) is is_noted


def test_what_is_entered_is_told_as_json(desk: Desk) -> None:
    document = json.loads(desk.enter("Gate", URL, "--json").output)
    assert (document["version"], document["trials"]) == (1, {})
    assert document["camera"]["camera_id"] == "gate"


WITH_LOGIN = f"rtsp://admin:{PASSWORD}@192.0.2.10/x"


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "Gate", WITH_LOGIN),
        ("add", "Gate", URL, "--sub", WITH_LOGIN),
        ("add", WITH_LOGIN, "Gate"),
        ("add", "Main", "gate", WITH_LOGIN),
        ("add", "Gate", WITH_LOGIN.replace("//", "/")),
        ("add", "Gate", URL, "--protection", WITH_LOGIN),
        ("edit", "gate", "--url", WITH_LOGIN),
        ("edit", "gate", WITH_LOGIN),
        ("edit", WITH_LOGIN, "--audio"),
        ("show", WITH_LOGIN),
        ("test", WITH_LOGIN),
        ("test", WITH_LOGIN.replace("//", "/")),
        ("test", "gate", WITH_LOGIN),
        ("remove", WITH_LOGIN, "--yes"),
    ],
)
def test_a_url_with_a_login_in_it_is_refused_and_never_repeated(
    desk: Desk, arguments: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    desk.enter("gate", URL)
    result = desk.run("camera", *arguments)
    assert result.exit_code in {1, 2}
    assert result.output
    assert PASSWORD not in result.output + caplog.text + str(result.exception)
    assert [it.camera.camera_id for it in in_store(desk)] == ["gate"]


def in_store(desk: Desk) -> Any:
    return asyncio.run(desk.agent.cameras()).entries


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--window", "10"), "is no duration"),
        (("--keep-size", "big"), "is no size"),
        (("--sub-live-only",), "no small stream"),
        (("--password-file", "/dev/null"), "say whose"),
        (("--id", "a/b"), "cannot name"),
        (("--bit-rate", "0"), "bit-rate"),
    ],
)
def test_what_cannot_be_is_wrong_usage(desk: Desk, options: tuple[str, ...], why: str) -> None:
    result = desk.enter("Gate", URL, *options)
    assert (result.exit_code, why in result.output) == (2, True), result.output


# --- Trying first ---------------------------------------------------------------------------------


@pytest.fixture
def real(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CameraThread]:
    settings: dict[str, Any] = {"auth": "digest", "user": "admin", "password": PASSWORD}
    cache = tmp_path_factory.getbasetemp() / "camera-material"
    with CameraThread(tmp_path / "cameras", cache, with_defaults([settings])) as cameras:
        yield cameras


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tandem.cli.camera_enter.TRIAL_S", 0.5)


@pytest.mark.real
@pytest.mark.usefixtures("brief")
def test_a_camera_is_tried_first_and_its_measured_rate_stored(
    desk: Desk, real: CameraThread
) -> None:
    password = desk.file("password", PASSWORD)
    login = ["--user", "admin", "--password-file", password]
    result = desk.run("camera", "add", "Gate", real.address(), *login)
    assert result.exit_code == 0, result.output
    assert "h264 160x96" in result.output
    rate = desk.agent.stored().bit_rate_mbps
    assert rate != 4.0
    assert round(rate * 10) == pytest.approx(rate * 10)
    tested = desk.run("camera", "test", "Gate", "--seconds", "0.5")  # by the login in the store
    assert "h264 160x96" in tested.output, tested.output
    assert PASSWORD not in result.output + tested.output


@pytest.mark.real
@pytest.mark.usefixtures("brief")
def test_a_camera_that_gives_no_pictures_is_not_entered(desk: Desk, real: CameraThread) -> None:
    result = desk.run("camera", "add", "Gate", real.address(), "--user", "admin", given="wr0ng\n")
    assert result.exit_code == 1
    assert "No pictures come from its main stream (unauthorised)" in result.output
    assert "--no-test" in result.output
    assert "wr0ng" not in result.output
    assert in_store(desk) == ()


def test_a_login_that_this_node_cannot_unseal_is_told(desk: Desk) -> None:
    desk.enter("Gate", URL, "--user", "admin", given=f"{PASSWORD}\n")
    key = desk.directory / "data" / "cluster.key"
    key.write_bytes(bytes(32))
    result = desk.run("camera", "test", "gate")
    assert (result.exit_code, "cluster.key" in result.output) == (1, True)
    key.unlink()
    assert "cannot be read" in " ".join(desk.run("camera", "test", "gate").output.split())


# --- Looking --------------------------------------------------------------------------------------


def test_cameras_are_listed_with_who_records_them(desk: Desk) -> None:
    desk.agent.store(camera("gate", keep_s=30 * 86_400), "node2", "node1", "node3")
    desk.agent.store(camera("door", protection=Protection.FAILOVER), "node1", "node2")
    lines = desk.run("camera", "list").output.splitlines()
    assert lines[1].split()[:6] == ["door", "Gate", "failover", "node1", "-", "4.0"]
    assert lines[1].endswith("no limit")
    assert lines[2].split()[2:] == ["hot", "node2", "node1", "4.0", "30", "d"]
    assert len(json.loads(desk.run("camera", "list", "--json").output)["cameras"]) == 2


def test_a_list_of_long_names_fits_a_page(desk: Desk) -> None:
    desk.agent.store(
        camera("x" * 63, name="A name " * 15, keep_s=86_400 * 365, keep_bytes=10**13),
        "recorder-1",
        "recorder-2",
    )
    assert max(map(len, desk.run("camera", "list").output.splitlines())) <= WIDTH


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ((), "while there is room"),
        (("--keep", "30d"), "for 30 d"),
        (("--keep-size", "500G"), "up to 500 GB on each node"),
        (("--keep", "30d", "--keep-size", "1.5T"), "for 30 d, up to 1.50 TB on each node"),
    ],
)
def test_it_is_told_how_long_recordings_are_kept(
    desk: Desk, limits: tuple[str, ...], said: str
) -> None:
    desk.enter("Gate", URL, *limits)
    assert f"kept         {said}\n" in desk.run("camera", "show", "gate").output


def test_a_camera_is_found_by_its_id_and_by_its_name(desk: Desk) -> None:
    desk.enter("Main gate", URL)
    for text in ("main-gate", "Main gate", "main GATE"):
        assert json.loads(desk.run("camera", "show", text, "--json").output)["name"] == "Main gate"
    for text in ("yard", "The yard"):
        assert f"There is no camera '{text}'" in desk.run("camera", "show", text).output


def test_a_name_that_two_cameras_have_is_not_guessed_at(desk: Desk) -> None:
    desk.agent.store(camera("g1", name="The gate"))
    desk.agent.store(camera("g2", name="The gate"))
    result = desk.run("camera", "remove", "The gate", "--yes")
    assert result.exit_code == 1
    assert "Several cameras are called 'The gate': g1, g2." in result.output


# --- Changing -------------------------------------------------------------------------------------


def test_only_what_is_said_changes(desk: Desk) -> None:
    desk.enter("Gate", URL, "--user", "admin", "--keep", "30d", given=f"{PASSWORD}\n")
    result = desk.run("camera", "edit", "gate", "--protection", "failover")
    assert (result.exit_code, result.output) == (0, "Camera 'gate' is changed.\n")
    stored = desk.agent.stored()
    assert (stored.protection, stored.keep_s) == (Protection.FAILOVER, 30 * 86_400)
    assert login_of(desk) == Login("admin", PASSWORD)


def test_each_field_can_be_taken_back(desk: Desk) -> None:
    said = ["--sub", "rtsp://192.0.2.10/2", "--audio", "--keep", "1d", "--keep-size", "1T"]
    desk.enter("Gate", URL, *said, "--user", "admin", given=f"{PASSWORD}\n")
    back = ["--no-sub", "--no-audio", "--keep", "none", "--keep-size", "none", "--no-login"]
    assert desk.run("camera", "edit", "gate", *back).exit_code == 0
    assert desk.agent.stored() == camera("gate")


def test_a_small_stream_is_entered_and_its_recording_switched(desk: Desk) -> None:
    desk.enter()
    desk.run("camera", "edit", "gate", "--sub", "rtsp://192.0.2.10/2", "--sub-live-only")
    desk.run("camera", "edit", "gate", "--sub", "rtsp://192.0.2.10/3")
    assert desk.agent.stored().streams[1] == Stream("sub", "rtsp://192.0.2.10/3", recorded=False)
    desk.run("camera", "edit", "gate", "--sub-recorded")
    assert desk.agent.stored().streams[1].recorded


def test_a_change_to_what_is_there_already_changes_nothing(desk: Desk) -> None:
    desk.enter()
    revision = desk.agent.fake.keys.revision
    result = desk.run("camera", "edit", "gate", "--protection", "hot")
    assert "was like that already" in result.output
    assert desk.agent.fake.keys.revision == revision


def overtake(desk: Desk, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Somebody else changes the camera between this command's reading and writing."""
    put, pending = desk.agent.put_camera, [changes]

    async def late(*arguments: Any) -> int:
        if pending:
            desk.agent.store(camera(**pending.pop()))
        return await put(*arguments)

    monkeypatch.setattr(desk.agent, "put_camera", late)


def test_what_somebody_else_changes_meanwhile_is_kept(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.enter()
    overtake(desk, monkeypatch, name="Main gate")
    assert desk.run("camera", "edit", "gate", "--audio").exit_code == 0
    assert (desk.agent.stored().name, desk.agent.stored().audio) == ("Main gate", True)


def test_two_changes_of_the_same_are_not_mixed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.enter()
    overtake(desk, monkeypatch, name="Main gate")
    result = desk.run("camera", "edit", "gate", "--name", "Door")
    assert result.exit_code == 1
    assert "somebody else has changed name" in " ".join(result.output.split())
    assert desk.agent.stored().name == "Main gate"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ((), "Nothing is to be changed"),
        (("--no-sub", "--sub", "rtsp://192.0.2.1/"), "--no-sub takes away"),
        (("--no-login", "--user", "admin"), "either --user or --no-login"),
    ],
)
def test_changes_that_contradict_each_other_are_wrong_usage(
    desk: Desk, options: tuple[str, ...], why: str
) -> None:
    desk.enter()
    result = desk.run("camera", "edit", "gate", *options)
    assert (result.exit_code, why in result.output) == (2, True), result.output


# --- Removing -------------------------------------------------------------------------------------


def test_a_camera_is_removed_when_it_is_confirmed(desk: Desk) -> None:
    desk.enter("Gate", URL, "--keep", "30d")
    assert desk.run("camera", "remove", "gate", given="n\n").exit_code == 1
    assert not desk.agent.stored().removed
    result = desk.run("camera", "remove", "gate", given="y\n")
    assert result.exit_code == 0
    assert "Its recordings stay: kept for 30 d." in result.output
    assert desk.agent.stored().removed


def test_a_script_removes_a_camera_without_being_asked(desk: Desk) -> None:
    desk.enter()
    result = desk.run("camera", "remove", "gate", "--yes", "--json")
    assert json.loads(result.output) == {"version": 1, "camera_id": "gate"}


def test_an_id_is_never_used_again(desk: Desk) -> None:
    desk.enter()
    desk.run("camera", "remove", "gate", "--yes")
    result = desk.enter()
    assert (result.exit_code, "ids are never used again" in result.output) == (1, True)
