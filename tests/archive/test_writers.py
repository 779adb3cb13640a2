"""Several recorders on one volume: the living are left alone, the dead are tidied up after."""

import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from tests.archive.material import CLUSTER, VOLUME, Writing, create, mounted_at

from tandem.archive import recovery, writers
from tandem.archive.layout import WRITERS
from tandem.archive.mount import mount
from tandem.archive.rows import State
from tandem.archive.volume import Volume
from tandem.archive.writers import Writer, living

CHILD = """
import sys, time
from pathlib import Path
from uuid import UUID
from tandem.archive.volume import Volume
from tandem.archive.writers import Writer
volume = Volume.open(Path(sys.argv[1]), UUID(sys.argv[2]), int(sys.argv[3]))
print(Writer.claim(volume).writer_id, flush=True)
sys.stdin.read()
"""


def volume_at(root: Path) -> Volume:
    create(root)
    return Volume.open(root, VOLUME, CLUSTER)


def test_a_writer_lives_until_it_is_released(tmp_path: Path) -> None:
    volume = volume_at(tmp_path)
    one, two = Writer.claim(volume), Writer.claim(volume)
    assert living(volume) == {one.writer_id, two.writer_id}
    one.release()
    one.release()
    assert living(volume) == {two.writer_id}
    two.release()
    assert not any((tmp_path / WRITERS).iterdir())
    volume.close()


def test_a_process_that_was_killed_is_no_writer_and_its_file_goes(tmp_path: Path) -> None:
    volume = volume_at(tmp_path)
    command = [sys.executable, "-c", CHILD, str(tmp_path), str(VOLUME), str(CLUSTER)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        name = child.stdout.readline().strip()
        assert [str(one) for one in living(volume)] == [name]
        child.kill()
    assert living(volume) == set()
    assert not any((tmp_path / WRITERS).iterdir())
    volume.close()


def test_what_a_living_writer_has_open_is_not_recovered_and_what_a_dead_one_had_is(
    tmp_path: Path,
) -> None:
    create(tmp_path)
    alive = mount(tmp_path, VOLUME, CLUSTER)
    dead = mount(tmp_path, VOLUME, CLUSTER)
    going_on, left = Writing(alive, 0), Writing(dead, 1)
    for writing in (going_on, left):
        writing.append(3)
    left.file.abandon()
    dead.close()
    third = mount(tmp_path, VOLUME, CLUSTER)
    found = [third.reader.segment(one.row.segment_id) for one in (going_on, left)]
    assert [one.state if one else None for one in found] == [State.OPEN, State.CLOSED]
    third.close()
    assert going_on.close().state is State.CLOSED
    alive.close()


def test_a_writer_that_begins_while_others_are_recovered_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(tmp_path)
    begun: list[Writing] = []
    with mounted_at(tmp_path) as recovering, mounted_at(tmp_path) as late:

        def overtaken(volume: Volume) -> set[UUID]:
            found = living(volume) - {late.writer.writer_id}  # it claims only now
            begun.append(Writing(late, 1))
            return found

        monkeypatch.setattr(writers, "living", overtaken)
        recovery.recover(recovering.volume, recovering.index)
        (writing,) = begun
        writing.append(3)
        writing.sync()
        assert writing.close().state is State.CLOSED
        assert writing.path.exists()


def test_what_a_writer_closed_before_it_left_is_not_recovered_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(tmp_path)
    with mounted_at(tmp_path) as recovering, mounted_at(tmp_path) as leaving:
        writing = Writing(leaving, 1)
        writing.append(3)

        def left(volume: Volume) -> set[UUID]:
            writing.close()
            leaving.writer.release()
            return living(volume)

        monkeypatch.setattr(writers, "living", left)
        report = recovery.recover(recovering.volume, recovering.index)
        assert (report.closed, report.problems) == ([], [])
