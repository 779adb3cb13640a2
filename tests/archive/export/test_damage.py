"""Segments that are torn, suspect, damaged or gone give what is sound in them, and no more."""

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from tests.archive.export.material import (
    BASE_US,
    FRAME_US,
    MemorySource,
    complaints,
    film,
    packets,
    record,
    request,
)

from tandem.archive.export.errors import ExportError, NothingRecordedError, SourceError
from tandem.archive.export.export import export
from tandem.archive.export.source import Unreachable
from tandem.archive.rows import Gap, GapCause, Interval, Segment, State

pytestmark = pytest.mark.real

EARLY_US = BASE_US - 10_000_000


def whole(count: int = 300) -> list[bytes]:
    return [picture.data for picture in film(12).pictures[:count]]


def spoil(source: MemorySource, number: int, *places: int) -> Segment:
    """Change bytes of the nth segment, counted from its end where negative."""
    row = source.rows[number]
    content = bytearray(source.contents[row.segment_id])
    for place in places:
        content[place] ^= 0xFF
    source.contents[row.segment_id] = bytes(content)
    return row


class HiccupingSource(MemorySource):
    """A node that refuses to read much, once."""

    refused = False

    def reading(self, length: int) -> None:
        if length > 20_000 and not self.refused:
            self.refused = True
            raise SourceError("The disk is busy.")


def test_a_picture_that_the_disk_changed_comes_from_the_other_copy(tmp_path: Path) -> None:
    sources = [record("a", film(12)), record("b", film(12), late_us=40_000)]
    content = sources[0].contents[sources[0].rows[1].segment_id]
    row = spoil(sources[0], 1, content.rindex(whole()[170]) + 100)
    result = export(sources, request(tmp_path / "gate.mp4", EARLY_US))
    assert packets(result.files[0].path) == whole()
    assert result.unsound_frames == 1
    assert [copy.frames_taken for copy in result.copies] == [299, 1]
    assert [(one.node_id, one.segment_id) for one in result.problems] == [("a", row.segment_id)]
    assert "not what the camera sent" in result.problems[0].sentence


def test_a_picture_that_no_copy_has_sound_is_left_out(tmp_path: Path) -> None:
    source = record("a", film(12))
    content = source.contents[source.rows[1].segment_id]
    spoil(source, 1, content.rindex(whole()[170]) + 100, content.rindex(whole()[180]) + 100)
    result = export([source], request(tmp_path / "gate.mp4"))
    kept = [data for number, data in enumerate(whole()) if number not in {170, 180}]
    assert packets(result.files[0].path) == kept
    assert result.unsound_frames == 2


def test_blocks_that_read_as_zeros_cost_only_their_own_pictures(tmp_path: Path) -> None:
    sources = [record("a", film(12)), record("b", film(12), set(range(250)))]
    row = sources[0].rows[2]
    content = bytearray(sources[0].contents[row.segment_id])
    start = content.rindex(whole()[260])
    content[start : start + 4096] = bytes(4096)
    sources[0].contents[row.segment_id] = bytes(content)
    result = export(sources, request(tmp_path / "gate.mp4"))
    found = packets(result.files[0].path)
    assert found == [data for data in whole() if data in set(found)]
    assert whole(260) == found[:260]
    assert 300 - len(found) == result.unsound_frames > 0


def test_a_torn_end_is_not_used_and_the_other_copy_goes_on(tmp_path: Path) -> None:
    sources = [record("a", film(12)), record("b", film(12), late_us=9_000)]
    row = sources[0].rows[1]
    sources[0].contents[row.segment_id] = sources[0].contents[row.segment_id][:-20_000]
    result = export(sources, request(tmp_path / "gate.mp4"))
    assert packets(result.files[0].path) == whole()
    assert [one.segment_id for one in result.problems] == [row.segment_id]


def test_of_a_suspect_segment_only_what_was_durable_is_used(tmp_path: Path) -> None:
    source = record("a", film(4))
    (row,) = source.rows
    content = source.contents[row.segment_id]
    second_gop = content.index(b"moof", content.index(b"moof") + 4) - 4
    source.replace_row(replace(row, state=State.SUSPECT, durable_bytes=second_gop, hash=None))
    result = export([source], request(tmp_path / "gate.mp4"))
    assert packets(result.files[0].path) == [one.data for one in film(4).pictures[:25]]
    assert result.problems == []


def test_a_durable_mark_inside_a_fragment_leaves_that_fragment_out(tmp_path: Path) -> None:
    source = record("a", film(4))
    (row,) = source.rows
    content = source.contents[row.segment_id]
    durable_bytes = content.index(film(4).pictures[40].data)
    source.replace_row(replace(row, state=State.SUSPECT, durable_bytes=durable_bytes, hash=None))
    result = export([source], request(tmp_path / "gate.mp4"))
    assert packets(result.files[0].path) == [one.data for one in film(4).pictures[:25]]
    assert "not all there" in result.problems[0].sentence


def test_a_segment_that_is_being_written_is_used_as_far_as_it_is_durable(tmp_path: Path) -> None:
    source = record("a", film(4))
    (row,) = source.rows
    content = source.contents[row.segment_id]
    end = content.rindex(b"moof") - 4
    source.replace_row(replace(row, state=State.OPEN, durable_bytes=end, hash=None))
    source.contents[row.segment_id] = content[: end + 1000]
    result = export([source], request(tmp_path / "gate.mp4"))
    assert packets(result.files[0].path) == [one.data for one in film(4).pictures[:75]]
    assert result.problems == []


def test_bad_sectors_cost_the_pictures_on_them_and_no_others(tmp_path: Path) -> None:
    sources = [record("a", film(12)), record("b", film(12), set(range(150)))]
    row = sources[0].rows[2]
    start = sources[0].contents[row.segment_id].rindex(whole()[260])
    sources[0].bad[row.segment_id] = range(start, start + 10)
    result = export(sources, request(tmp_path / "gate.mp4"))
    assert packets(result.files[0].path) == whole()[:260] + whole()[261:]
    assert [one.sentence for one in result.problems] == ["The disk failed."]


def test_a_bad_sector_right_behind_a_table_costs_no_other_fragment(tmp_path: Path) -> None:
    source = record("a", film(12))
    row = source.rows[1]
    start = source.contents[row.segment_id].index(b"mdat") + 10
    source.bad[row.segment_id] = range(start, start + 10)
    result = export([source], request(tmp_path / "gate.mp4"))
    assert packets(result.files[0].path) == whole()[:125] + whole()[126:]


def test_a_table_that_is_damaged_costs_its_own_fragment_alone(tmp_path: Path) -> None:
    source = record("a", film(12))
    content = source.contents[source.rows[1].segment_id]
    spoil(source, 1, content.index(b"trun") + 5)
    result = export([source], request(tmp_path / "gate.mp4"))
    assert packets(result.files[0].path) == whole()[:125] + whole()[150:]
    assert "cannot be used" in result.problems[0].sentence


@pytest.mark.parametrize("place", [8, 10])
def test_times_that_are_not_those_of_the_segment_cost_their_own_fragment_alone(
    tmp_path: Path, place: int
) -> None:
    sources = [record("a", film(12)), record("b", film(12), set(range(160)))]
    content = sources[0].contents[sources[0].rows[1].segment_id]
    second = content.index(b"tfdt", content.index(b"tfdt") + 4)
    spoil(sources[0], 1, second + place)
    result = export(sources, request(tmp_path / "gate.mp4"))
    assert packets(result.files[0].path) == whole()[:160] + whole()[175:]
    assert "times are not those of its segment" in result.problems[0].sentence


def test_what_cannot_be_read_once_and_then_can_costs_nothing(tmp_path: Path) -> None:
    recorded = record("a", film(12))
    source = HiccupingSource("a", recorded.rows, recorded.contents)
    result = export([source], request(tmp_path / "gate.mp4"))
    assert packets(result.files[0].path) == whole()
    assert result.unsound_frames == 0


@pytest.mark.parametrize("seed", range(6))
def test_whatever_bytes_are_spoilt_an_export_has_only_true_pictures_in_order(
    tmp_path: Path, seed: int
) -> None:
    random = Random(seed)
    sources = [record("a", film(12)), record("b", film(12), set(range(40, 260)), late_us=3_000)]
    for source in sources:
        for number, row in enumerate(source.rows):
            size = len(source.contents[row.segment_id])
            spoil(
                source, number, *(random.randrange(size) for _ in range(random.choice([0, 1, 5])))
            )
    result = export(sources, request(tmp_path / "gate.mp4"))
    found = [data for file in result.files for data in packets(file.path)]
    number_of = {data: number for number, data in enumerate(whole())}
    slices = {data[-200:]: number for data, number in number_of.items()}
    # A spoilt SEI or parameter set leaves the picture itself as it was, and its identity.
    numbers = [number_of.get(data, slices.get(data[-200:], -1)) for data in found]
    assert numbers == sorted(set(numbers))
    assert -1 not in numbers
    assert len(numbers) > 150


def test_a_node_that_is_down_is_named_where_its_copy_is_missed(tmp_path: Path) -> None:
    sources = [
        record("a", film(12), set(range(150))),
        MemorySource("b", down="Node b does not answer on any link."),
    ]
    to_us = BASE_US + 300 * FRAME_US
    result = export(sources, request(tmp_path / "gate.mp4", BASE_US, to_us))
    assert [(one.node_id, one.reason) for one in result.unreachable] == [
        ("b", "Node b does not answer on any link.")
    ]
    (missing,) = result.missing
    assert missing.cause is GapCause.NODE_DOWN
    assert missing.unreachable_nodes == ("b",)
    assert (missing.from_us, missing.to_us) == (BASE_US + 150 * FRAME_US, to_us)


def test_a_node_that_is_down_is_not_blamed_for_a_time_that_it_did_not_record(
    tmp_path: Path,
) -> None:
    known = Unreachable("b", "down", [Interval(BASE_US, BASE_US + 1_000_000)])
    wanted = replace(
        request(tmp_path / "gate.mp4", BASE_US, BASE_US + 300 * FRAME_US), unreachable=[known]
    )
    result = export([record("a", film(12), set(range(150)))], wanted)
    assert [one.unreachable_nodes for one in result.missing] == [()]
    assert [one.cause for one in result.missing] == [GapCause.UNKNOWN]


def test_a_time_without_any_picture_is_refused_and_says_why(tmp_path: Path) -> None:
    source = record("a", film(4))
    from_us, to_us = BASE_US + 100_000_000, BASE_US + 200_000_000
    source.noted.append(
        Gap("gate", "main", from_us, to_us, GapCause.CAMERA_UNAUTHORISED, "401 from the camera.")
    )
    down = MemorySource("b", down="It is off.")
    with pytest.raises(NothingRecordedError) as refused:
        export([source, down], request(tmp_path / "gate.mp4", from_us, to_us))
    message = str(refused.value)
    assert "camera gate" in message.lower()
    assert "2026-11-18T11:08:20.000000Z" in message
    assert "camera_unauthorised (401 from the camera.)" in message
    assert "Node b cannot be read: It is off." in message
    assert list(tmp_path.iterdir()) == []


def test_an_end_before_the_beginning_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="later than the beginning"):
        export([], request(tmp_path / "gate.mp4", BASE_US, BASE_US))


def test_what_is_whole_makes_no_decoder_complain(tmp_path: Path) -> None:
    result = export([record("a", film(12))], request(tmp_path / "gate.mp4"))
    assert complaints(result.files[0].path) == ""
    assert result.unsound_frames == 0
