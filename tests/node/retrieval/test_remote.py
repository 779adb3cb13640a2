"""Another node's recordings, read through its archivist as an export reads them."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import av
import pytest
from tests.archive.export.material import (
    FPS,
    Film,
    complaints,
    film,
    packets,
    probe,
    record,
    request,
)
from tests.archive.material import BASE_US, FRAMES, Writing
from tests.archive.material import gop as recorded_gop
from tests.node.retrieval.cluster import Node, cluster

from tandem.archive.export.errors import SourceError, SourceLostError
from tandem.archive.export.export import Phase, Progress, export
from tandem.archive.rows import Extent, Gap, GapCause
from tandem.clock import SystemClock
from tandem.node.retrieval import remote
from tandem.node.retrieval.recordings import Recordings, open_recordings
from tandem.node.retrieval.remote import RemoteSource

HOUR_US = 3_600_000_000
SECOND_US = 1_000_000


@contextmanager
def seen_from(node: Node) -> Iterator[Recordings]:
    with open_recordings(node.settings, SystemClock(), Random(1)) as found:
        yield found


def source_of(found: Recordings, node_id: str) -> RemoteSource:
    (source,) = [one for one in found.sources if one.node_id == node_id]
    return source


def test_what_is_read_is_what_the_file_has_wherever_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "PIECE_BYTES", 10_000)
    monkeypatch.setattr(remote, "SMALL_BYTES", 1_000)
    monkeypatch.setattr(remote, "KEPT", 7)
    with cluster(tmp_path, "n1", "n2") as (first, second), seen_from(first) as found:
        segment = second.film(frame_bytes=1_500)
        content = (second.mounted.volume.root / segment.path).read_bytes()
        random = Random(5)
        source = source_of(found, "n2")
        with source.open(segment) as file:
            assert file.size_bytes == len(content)
            for _ in range(120):
                offset = random.randrange(len(content) + 10)
                length = random.choice([1, 900, 9_000, 10_000, 45_000, 1 << 20])
                assert file.read(offset, length) == content[offset : offset + length]


def test_what_is_open_is_read_up_to_what_is_durable(tmp_path: Path) -> None:
    with cluster(tmp_path, "n1", "n2") as (first, second):
        writing = Writing(second.mounted, 5, start_us=BASE_US)
        writing.append(3)
        writing.sync()
        writing.append(2)  # on its way, and on no disk
        with seen_from(first) as found:
            over = request(tmp_path / "gate.mp4", BASE_US, BASE_US + 3 * SECOND_US)
            result = export(found.sources, over)
        expected = [bytes(one) for at in range(3) for one in recorded_gop(5, at)[1:]]
        assert packets(tmp_path / "gate.mp4") == expected
        assert result.missing == []


def test_a_long_time_is_asked_for_in_parts_and_nothing_comes_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cluster(tmp_path, "n1") as (node,):
        filmed = [node.film(start_us=BASE_US + at * 4 * SECOND_US) for at in range(5)]
        node.note(BASE_US + 20 * SECOND_US, BASE_US + 31 * SECOND_US, GapCause.CAMERA_STALLED)
        monkeypatch.setattr(remote, "PART_US", 3 * SECOND_US)
        monkeypatch.setattr(remote, "SLACK_US", 5 * SECOND_US)
        with seen_from(node) as found:
            (source,) = found.sources
            over = "gate", "main", BASE_US - 1_000 * HOUR_US, BASE_US + 1_000 * HOUR_US
            assert {row.segment_id for row in source.segments(*over)} == {
                row.segment_id for row in filmed
            }
            assert len(source.segments(*over)) == 5
            assert len(source.gaps(*over)) == 1
            assert source.segments("gate", "sub", *over[2:]) == []


def test_an_inventory_names_each_stream_once(tmp_path: Path) -> None:
    with cluster(tmp_path, "n1", "n2") as (first, second):
        second.film()
        second.film(start_us=BASE_US + 60 * SECOND_US)
        second.mounted.index.sync_round(gaps=[Gap("yard", "sub", 5, 9, GapCause.DISABLED)])
        with seen_from(first) as found:
            assert found.extents == {
                "n1": (),
                "n2": (
                    Extent("gate", "main", BASE_US, BASE_US + 64 * SECOND_US),
                    Extent("yard", "sub", 5, 9),
                ),
            }
            assert found.camera_ids == {"gate", "yard"}
            assert found.streams("yard") == ["sub"]


def test_a_segment_that_is_gone_is_an_error_of_its_own_and_the_node_stays(tmp_path: Path) -> None:
    with cluster(tmp_path, "n1") as (node,), seen_from(node) as found:
        gone, kept = node.film(), node.film(start_us=BASE_US + 60 * SECOND_US)
        node.mounted.index.mark_garbage({gone.segment_id: None})
        (source,) = found.sources
        with source.open(gone) as file, pytest.raises(SourceError, match="no segment"):
            file.read(0, 10)
        with source.open(kept) as file:
            assert len(file.read(0, 10)) == 10


def test_an_archivist_that_is_started_anew_is_waited_for(tmp_path: Path) -> None:
    with cluster(tmp_path, "n1") as (node,), seen_from(node) as found:
        segment = node.film()
        attempts = []

        class Delays(Random):
            def uniform(self, a: float, b: float) -> float:
                attempts.append(a)
                if len(attempts) == 2:
                    node.start()
                return 0

        node.stop()
        source = RemoteSource("n1", found.extents["n1"], found.asking, SystemClock(), Delays())
        with source.open(segment) as file:
            assert len(file.read(0, 10)) == 10
        assert len(attempts) == 2


def test_a_node_that_stays_away_is_lost_once_and_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "RETRIES_S", (0.0, 0.0))
    with cluster(tmp_path, "n1") as (node,), seen_from(node) as found:
        segment = node.film()
        (source,) = found.sources
        node.stop()
        with source.open(segment) as file:
            with pytest.raises(SourceLostError, match="archivist of node n1 cannot be asked"):
                file.read(0, 10)
            node.start()
            with pytest.raises(SourceLostError):
                file.read(0, 10)


def test_a_node_that_fails_for_too_long_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "PATIENCE_US", -1)
    with cluster(tmp_path, "n1") as (node,), seen_from(node) as found:
        gone = node.film()
        node.mounted.index.mark_garbage({gone.segment_id: None})
        (source,) = found.sources
        with source.open(gone) as file, pytest.raises(SourceLostError, match="failed for too long"):
            file.read(0, 10)


def test_a_node_that_dies_in_the_middle_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "RETRIES_S", ())
    with cluster(tmp_path, "n1", "n2") as (first, second):
        first.film(fragments=10, without=frozenset({4}))
        second.film(fragments=10, without=frozenset({5}))

        def kill(progress: Progress) -> None:
            if progress.phase is Phase.COPYING:
                second.stop()

        with seen_from(first) as found:
            over = request(tmp_path / "gate.mp4", BASE_US, BASE_US + 10 * SECOND_US)
            result = export(found.sources, over, kill)
        assert result.frames == len(packets(tmp_path / "gate.mp4")) == 9 * FRAMES
        assert [copy.node_id for copy in result.unreachable] == ["n2"]
        (missing,) = result.missing
        assert (missing.cause, missing.unreachable_nodes) == (GapCause.NODE_DOWN, ("n2",))


def test_a_node_without_its_first_link_is_read_by_the_other(tmp_path: Path) -> None:
    with cluster(tmp_path, "n1", "n2", links=2) as (first, second):
        segment = second.film()
        text = first.settings_path.read_text()
        first.settings_path.write_text(text.replace(second.hosts[0], "127.0.0.1"))
        with seen_from(first) as found:
            assert found.unreachable == []
            with source_of(found, "n2").open(segment) as file:
                assert len(file.read(0, 10)) == 10


@pytest.mark.real
def test_what_two_nodes_have_plays_and_seeks_as_one(tmp_path: Path) -> None:
    camera: Film = film(40, sound=False)
    total, target = len(camera.pictures), tmp_path / "gate.mp4"
    with cluster(tmp_path, "n1", "n2", "n3") as (first, second, third):
        second.keep(record("n2", camera, set(range(total)) - set(range(300, 420))))
        third.keep(record("n3", camera, set(range(total)) - set(range(600, 650)), late_us=700_000))
        with seen_from(first) as found:
            result = export(found.sources, request(target))
    assert packets(target) == [one.data for one in camera.pictures]
    assert {copy.node_id for copy in result.copies if copy.frames_taken} == {"n2", "n3"}
    assert len(result.files[0].spans) == 1
    assert complaints(target) == ""
    assert float(probe(target)["format"]["duration"]) == pytest.approx(40, abs=0.1)
    with av.open(str(target)) as container:
        stream = container.streams.video[0]
        for second_ in (31, 2, 13):
            container.seek(second_ * 90_000 + 9_000, stream=stream)
            found_packet = next(container.demux(stream))
            assert bytes(found_packet) == camera.pictures[second_ * FPS].data
    player = ["ffmpeg", "-v", "error", "-ss", "17.5", "-i", str(target), "-frames:v", "1"]
    subprocess.run([*player, "-f", "null", "-"], check=True, timeout=60)
