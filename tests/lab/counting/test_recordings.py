"""The counter on real files, with losses and doubles planted by ffmpeg."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.lab.camera.ffmpeg import DEADLINE_S, record
from tests.lab.camera.running import CameraThread, with_defaults

from tandem.lab.counting.__main__ import main
from tandem.lab.counting.count import CountError, count_frames

pytestmark = pytest.mark.real

FRAMES = 100


@dataclass(frozen=True)
class Evidence:
    """A whole recording, its ledger, and a second camera's recording."""

    ledger: Path
    whole: Path
    stranger: Path
    first: int


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidence]:
    place = tmp_path_factory.mktemp("evidence")
    cameras = with_defaults([{}, {"profile": {"codec": "h265"}}])
    with CameraThread(place / "cameras", place / "cache", cameras) as running:
        whole, stranger = place / "whole.mp4", place / "stranger.mp4"
        record(running.address(1), whole, frames=FRAMES)
        record(running.address(2), stranger, frames=10)
        running.stop()
        first = count_frames([whole]).numbers[1][0]
        yield Evidence(running.ledger_path(1), whole, stranger, first)


def remux(source: Path, target: Path, *settings: str) -> Path:
    subprocess.run(
        [
            *("ffmpeg", "-nostdin", "-y", "-v", "error", "-i", str(source)),
            *("-c", "copy", *settings, str(target)),
        ],
        check=True,
        timeout=DEADLINE_S,
        capture_output=True,
    )
    return target


def verdict(
    evidence: Evidence, files: list[Path], capsys: pytest.CaptureFixture[str]
) -> tuple[int, dict[str, object]]:
    """Run the command over the numbers of the whole recording."""
    span = ["--first", str(evidence.first), "--last", str(evidence.first + FRAMES - 1)]
    status = main([str(evidence.ledger), *map(str, files), *span, "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_a_whole_recording_is_exact(evidence: Evidence, capsys: pytest.CaptureFixture[str]) -> None:
    status, result = verdict(evidence, [evidence.whole], capsys)
    assert status == 0
    assert (result["sent"], result["found"], result["exact"]) == (FRAMES, FRAMES, True)
    assert result["version"] == 1


@pytest.mark.parametrize("container", ["mkv", "ts", "h264"])
def test_the_same_is_found_in_other_containers(
    container: str, evidence: Evidence, tmp_path: Path
) -> None:
    other = remux(evidence.whole, tmp_path / f"copy.{container}")
    assert count_frames([other]) == count_frames([evidence.whole])


def test_a_planted_loss_is_named(
    evidence: Evidence, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dropping = ["-bsf:v", "noise=drop='between(n,40,44)+eq(n,70)'"]
    damaged = remux(evidence.whole, tmp_path / "damaged.mp4", *dropping)
    status, result = verdict(evidence, [damaged], capsys)
    assert status == 1
    lost = [[evidence.first + 40, evidence.first + 44], [evidence.first + 70, evidence.first + 70]]
    assert result["lost"] == lost


def test_a_file_given_twice_is_doubled(
    evidence: Evidence, capsys: pytest.CaptureFixture[str]
) -> None:
    status, result = verdict(evidence, [evidence.whole, evidence.whole], capsys)
    assert status == 1
    assert result["doubled"] == list(range(evidence.first, evidence.first + FRAMES))
    assert result["lost"] == []


def test_overlapping_files_are_doubled_where_they_overlap(
    evidence: Evidence, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = remux(evidence.whole, tmp_path / "head.mp4", "-bsf:v", "noise=drop='gt(n,52)'")
    tail = remux(evidence.whole, tmp_path / "tail.mp4", "-bsf:v", "noise=drop='lt(n,50)'")
    status, result = verdict(evidence, [head, tail], capsys)
    assert status == 1
    assert result["doubled"] == [evidence.first + 50, evidence.first + 51, evidence.first + 52]


def test_another_camera_s_pictures_are_not_taken_for_this_one_s(
    evidence: Evidence, capsys: pytest.CaptureFixture[str]
) -> None:
    status, result = verdict(evidence, [evidence.whole, evidence.stranger], capsys)
    assert status == 1
    assert result["wrong_camera"] == 10
    assert result["found"] == FRAMES


def test_a_recording_without_marks_is_unmarked_and_all_lost(
    evidence: Evidence, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = remux(evidence.whole, tmp_path / "bare.mp4", "-bsf:v", "filter_units=remove_types=6")
    status, result = verdict(evidence, [bare], capsys)
    assert status == 1
    assert (result["unmarked"], result["found"]) == (FRAMES, 0)


def test_the_table_says_when_pictures_were_lost(
    evidence: Evidence, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = remux(evidence.whole, tmp_path / "damaged.mp4", "-bsf:v", "noise=drop='eq(n,40)'")
    span = ["--first", str(evidence.first), "--last", str(evidence.first + FRAMES - 1)]
    assert main([str(evidence.ledger), str(damaged), *span]) == 1
    lines = capsys.readouterr().out.splitlines()
    lost = evidence.first + 40
    assert any(line.startswith(f"lost          1 ({lost}-{lost} at 20") for line in lines)


def test_a_time_range_bounds_the_count(
    evidence: Evidence, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(evidence.ledger), str(evidence.whole), "--json"]
    main([*arguments, "--since", "2020-01-01T00:00:00Z", "--until", "2020-01-02T00:00:00Z"])
    assert json.loads(capsys.readouterr().out)["captured"] == 0


def test_a_file_that_is_no_recording_is_named(
    evidence: Evidence, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"nothing of the kind")
    assert main([str(evidence.ledger), str(broken)]) == 2
    assert f"{broken} cannot be read" in capsys.readouterr().err
    with pytest.raises(CountError):
        count_frames([tmp_path / "absent.mp4"])


def test_sound_alone_cannot_be_counted(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    subprocess.run(
        [*("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine", "-t", "0.1", str(path))],
        check=True,
        timeout=DEADLINE_S,
    )
    with pytest.raises(CountError, match="holds no video"):
        count_frames([path])
