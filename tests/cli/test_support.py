"""`tandem support`: one file, with what helps and without a secret."""

import base64
import gzip
import json
import shutil
import stat
import tarfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.cli.material import Desk, desk_at, desk_with_agent
from tests.node.control.material import KEY

from tandem.clock import SystemClock
from tandem.node.provision import create_cluster
from tandem.node.support import collectors
from tandem.node.support.bundle import MANIFEST

CAMERA_PASSWORD = "Schwert/fisch@7"
FENCE_PASSWORD = "ipmi-Geheimnis"
TOKEN = "join-me-9f8e7d6c"
URL_PASSWORD = "in-the-url-5"
CIFS_PASSWORD = "nas-word-77"

PROGRAMS = {
    "journalctl": f"camera Gate: rtsp://viewer:{CAMERA_PASSWORD}@192.0.2.10/x refused",
    "dmesg": f"CIFS: mount //nas/video password={CIFS_PASSWORD} failed",
    "findmnt": f"/srv/video1 //nas/video cifs rw,username=u,password={CIFS_PASSWORD}",
    "systemctl": f"Environment=TANDEM_TOKEN={TOKEN}",
    "ip": f"somebody wrote {quote(CAMERA_PASSWORD, safe='')} and {CAMERA_PASSWORD}",
    "df": f"fence: {FENCE_PASSWORD} {base64.b64encode(KEY).decode()} {KEY.hex()}",
    "ss": "listens",
}


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is installed on this machine: programs that print secrets, and a few that do not."""
    place = tmp_path / "programs"
    place.mkdir()
    for name, said in PROGRAMS.items():
        (place / name).write_text(f"#!/bin/sh\ncat <<'END'\n{said}\nEND\n")
        (place / name).chmod(0o755)
    for name in ("cat", "ls"):
        found = shutil.which(name)
        assert found
        (place / name).symlink_to(found)
    monkeypatch.setattr(collectors, "_PATH", f"{place}:/bin")
    return place


def plant(desk: Desk) -> list[str]:
    """Put secrets wherever they may be; returns them in all forms."""
    data = desk.directory / "data"
    made = create_cluster(4711, SystemClock())
    (data / "authority.key").write_bytes(made.authority.key)
    (data / "node.pem").write_bytes(made.authority.key + made.authority.certificate)
    key_lines = made.authority.key.decode().splitlines()[1:-1]
    (data / "etcd.log").write_text(
        f'{{"msg":"started","password":"{FENCE_PASSWORD}"}}\nkey line {key_lines[0]}\n'
    )
    (data / "decisions").mkdir()
    decision = {"cameras": [{"url": f"http://192.0.2.1/v?pwd={URL_PASSWORD}"}], "token": TOKEN}
    (data / "decisions" / "1.json.gz").write_bytes(gzip.compress(json.dumps(decision).encode()))
    text = desk.settings.read_text()
    desk.settings.write_text(f'{text}[fence]\npassword = "{FENCE_PASSWORD}"\n')
    return [
        CAMERA_PASSWORD,
        quote(CAMERA_PASSWORD, safe=""),
        FENCE_PASSWORD,
        TOKEN,
        URL_PASSWORD,
        CIFS_PASSWORD,
        base64.b64encode(KEY).decode(),
        KEY.hex(),
        *key_lines,
    ]


def unpacked(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        return {
            member.name.removeprefix("tandem-support/"): file.read().decode()
            for member in archive
            if (file := archive.extractfile(member))
        }


def entries(files: dict[str, str]) -> dict[str, Any]:
    return {each["name"]: each for each in json.loads(files[MANIFEST])["files"]}


def test_no_secret_that_was_planted_is_in_the_bundle(tmp_path: Path, programs: Path) -> None:
    with desk_with_agent(tmp_path) as desk:
        password = desk.file("password", CAMERA_PASSWORD)
        typed = ("Gate", f"rtsp://192.0.2.10/stream1?pwd={URL_PASSWORD}")
        entered = desk.enter(*typed, "--user", "viewer", "--password-file", password)
        assert entered.exit_code == 0, entered.output
        url = f"http://{TOKEN}:{FENCE_PASSWORD}@127.0.0.1/h?key={URL_PASSWORD}"
        check = ("--check", f'{{kind = "http", url = "{url}"}}')
        process = ("--kind", "process", "--option", 'command=["/usr/bin/web"]')
        assert desk.run("resource", "add", "web", *process, *check).exit_code == 0
        planted = plant(desk)
        bundle = tmp_path / "bundle.tar.gz"
        # The settings have a table that no release knows: they are damaged, and shown all the same.
        result = desk.run("support", "--output", str(bundle), "--json")
    assert result.exit_code == 0, result.output
    files = unpacked(bundle)
    for name, text in files.items():
        for secret in planted:
            assert secret not in text, (name, secret)
    assert json.loads(result.output)["secrets_removed"] >= len(PROGRAMS)


def test_the_bundle_holds_what_helps(tmp_path: Path, programs: Path) -> None:
    with desk_with_agent(tmp_path) as desk:
        plant(desk)
        desk.settings.write_text(desk.settings.read_text().split("[fence]")[0])
        desk.enter("Gate", "rtsp://192.0.2.10/stream1")
        bundle = tmp_path / "bundle.tar.gz"
        desk.run("support", "--output", str(bundle))
    files = unpacked(bundle)
    assert "tandem 0." in files["versions.txt"]
    assert "cluster = 4711" in files["node.toml"]
    assert json.loads(files["cameras.json"])["cameras"][0]["name"] == "Gate"
    assert json.loads(files["node.json"])["node_id"] == "node1"
    assert "192.0.2.10/x refused" in files["journal.txt"]
    assert "//nas/video" in files["disks.txt"]
    assert '"started"' in files["etcd.log"]
    assert "192.0.2.1/v?" in files["decisions.json"]
    assert "authority.key" in files["data.txt"]
    told = entries(files)
    assert told["journal.txt"]["removed"] == 1
    assert set(files) == {name for name, it in told.items() if not it["problem"]} | {MANIFEST}


def test_the_bundle_says_which_check_failed_and_why(tmp_path: Path, programs: Path) -> None:
    failed = "Resource web does not run here: its check 2 failed 3 times in a row: "
    failed += "http://127.0.0.1:8080/health: status 503."
    (programs / "journalctl").write_text(f"#!/bin/sh\necho '{failed}'\n")
    bundle = tmp_path / "bundle.tar.gz"
    desk_at(tmp_path).run("support", "--output", str(bundle))
    assert failed in unpacked(bundle)["journal.txt"]


def test_nobody_else_may_read_the_bundle(tmp_path: Path, programs: Path) -> None:
    bundle = tmp_path / "bundle.tar.gz"
    desk_at(tmp_path).run("support", "--output", str(bundle))
    assert stat.S_IMODE(bundle.stat().st_mode) == 0o600


def test_without_an_agent_and_without_settings_there_is_a_bundle(
    tmp_path: Path, programs: Path
) -> None:
    desk = desk_at(tmp_path)
    desk.settings.write_text("node = ")
    bundle = tmp_path / "bundle.tar.gz"
    result = desk.run("support", "--output", str(bundle))
    assert result.exit_code == 0
    files = unpacked(bundle)
    assert files["node.toml"] == "node = "
    assert "The agent of this node does not run" in entries(files)["status.json"]["problem"]
    assert "status of the cluster" in result.output


def test_a_program_that_hangs_costs_its_own_answer_alone(
    tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collectors, "COMMAND_S", 0.3)
    (programs / "dmesg").write_text("#!/bin/sh\nexec sleep 100\n")
    bundle = tmp_path / "bundle.tar.gz"
    desk_at(tmp_path).run("support", "--output", str(bundle))
    files = unpacked(bundle)
    assert "no end within" in files["kernel.txt"]
    assert "refused" in files["journal.txt"]


def test_a_collector_that_hangs_is_not_waited_for(
    tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tandem.node.support.bundle.DEADLINE_S", 0.5)
    (programs / "dmesg").write_text("#!/bin/sh\nexec sleep 2\n")
    bundle = tmp_path / "bundle.tar.gz"
    desk_at(tmp_path).run("support", "--output", str(bundle))
    assert "no answer within" in entries(unpacked(bundle))["kernel.txt"]["problem"]


def test_a_log_is_cut_at_its_beginning_and_says_so(
    tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tandem.node.support.bundle.LARGEST_BYTES", 10_000)
    (programs / "journalctl").write_text("#!/bin/sh\nseq 1 5000\n")
    bundle = tmp_path / "bundle.tar.gz"
    desk_at(tmp_path).run("support", "--output", str(bundle))
    files = unpacked(bundle)
    assert files["journal.txt"].endswith("5000\n")
    assert len(files["journal.txt"]) == 10_000
    assert entries(files)["journal.txt"]["cut_bytes"] > 0


def test_a_file_that_is_there_is_left_alone(tmp_path: Path, programs: Path) -> None:
    bundle = tmp_path / "bundle.tar.gz"
    bundle.write_text("mine")
    result = desk_at(tmp_path).run("support", "--output", str(bundle))
    assert result.exit_code == 1
    assert bundle.read_text() == "mine"
    assert "File exists" in " ".join(result.output.split())
