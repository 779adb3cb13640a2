"""Where a file ends and the next one begins."""

from dataclasses import replace
from pathlib import PurePosixPath
from uuid import UUID

from tests.media.mp4.synthetic import AAC, H264, OPUS

from tandem.archive.export.assembly import Assembly
from tandem.archive.export.runs import Entry, Run
from tandem.archive.export.units import Row, Unit
from tandem.archive.rows import Role, Segment
from tandem.media.units import AudioConfig, VideoConfig

WIDE = replace(H264, width_px=320)
_SEGMENT = Segment(UUID(int=1), "gate", "main", PurePosixPath("x"), Role.PRIMARY, 0, 1)
RUNS = [Run(source, [Entry(0, source, _SEGMENT)]) for source in (0, 1)]


def assembled(
    videos: dict[int, VideoConfig], sounds: dict[int, AudioConfig | None], *pictures: str
) -> Assembly:
    """Pictures as "K0": keyframe or picture, and the number of its segment."""
    assembly = Assembly(videos, sounds)
    for number, picture in enumerate(pictures):
        kind, segment = picture[0], picture[1]
        at_us = number * 40_000
        unit = Unit(bytes(16), at_us, at_us, number, 3_600, kind == "K", int(segment), 0, 1)
        assembly.add_picture(Row(bytes(16), at_us, at_us, unit, 0, (1,)), RUNS)
    return assembly


def parts(assembly: Assembly) -> list[tuple[int, int, VideoConfig, AudioConfig | None]]:
    return [(part.first, part.end, part.video, part.audio) for part in assembly.parts]


def test_a_file_changes_at_a_keyframe_and_not_at_a_picture_that_fills_a_hole() -> None:
    videos = {0: H264, 1: WIDE}
    assembly = assembled(videos, {0: None, 1: None}, "K0", "P1", "P0", "K1", "P0", "K1")
    assert parts(assembly) == [(0, 3, H264, None), (3, 6, WIDE, None)]


def test_a_stretch_without_sound_is_no_change_and_another_kind_of_sound_is() -> None:
    sounds = {0: None, 1: AAC, 2: OPUS}
    videos = dict.fromkeys(sounds, H264)
    assembly = assembled(videos, sounds, "K0", "K1", "K0", "P2", "K2", "K0")
    assert parts(assembly) == [(0, 4, H264, AAC), (4, 6, H264, OPUS)]


def test_a_picture_is_taken_from_one_copy_and_held_by_all_that_have_it() -> None:
    assembly = assembled({0: H264}, {0: None}, "K0", "P0")
    (part,) = assembly.parts
    assert part.taken == {0: 2}
    assert part.held == {0: 2, 1: 2}
