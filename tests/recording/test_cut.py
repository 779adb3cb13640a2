"""Where segments begin."""

import itertools
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tandem.media.fragmenter import Fragment
from tandem.media.mp4.fragment import Sample
from tandem.media.units import AudioConfig, Codec, VideoConfig
from tandem.recording.cut import LONGEST_SEGMENT_US, SEGMENT_US, Cutter

GOP_US = 2_000_000
T0 = 1_800_000_000_000_000
VIDEO = VideoConfig(Codec.H264, (b"\x67", b"\x68"), 640, 360, 0)


def fragment(at_us: int, *, key: bool = True, continues: bool = True) -> Fragment:
    sample = Sample(b"", at_us * 9 // 100, 0, 1, key, bytes(16))
    return Fragment([sample], [], VIDEO, None, at_us, at_us + GOP_US, continues)


def starts(cutter: Cutter, fragments: list[Fragment]) -> list[int]:
    return [one.start_us for one in fragments if cutter.begins_segment(one)]


def test_a_segment_is_cut_each_minute_at_a_keyframe() -> None:
    found = starts(Cutter("a"), [fragment(T0 + n * GOP_US, continues=n > 0) for n in range(300)])
    assert found[0] == T0
    assert {b - a for a, b in itertools.pairwise(found[1:])} == {SEGMENT_US}


@given(st.integers(0, 29), st.text(min_size=1))
def test_two_recorders_that_began_apart_cut_at_the_same_pictures(late: int, camera: str) -> None:
    stream = [fragment(T0 + n * GOP_US) for n in range(120)]
    early = starts(Cutter(camera), stream)
    later = starts(Cutter(camera), stream[late:])
    assert set(later[1:]) <= set(early)


def test_cameras_do_not_all_cut_in_the_same_second() -> None:
    stream = [fragment(T0 + n * GOP_US) for n in range(60)]
    second_cuts = {starts(Cutter(f"camera-{n}"), stream)[1] for n in range(50)}
    assert len(second_cuts) > 15


def test_pictures_before_the_first_keyframe_are_a_file_of_their_own() -> None:
    stream = [fragment(T0, key=False, continues=False), fragment(T0 + GOP_US)]
    assert starts(Cutter("a"), stream) == [T0, T0 + GOP_US]


def test_a_new_connection_begins_a_segment() -> None:
    cutter = Cutter("a")
    assert cutter.begins_segment(fragment(T0))
    assert cutter.begins_segment(fragment(T0 + GOP_US, continues=False))


def test_pictures_that_come_behind_later_ones_are_a_file_of_their_own_and_so_are_those_after() -> (
    None
):
    stream = [fragment(T0 + n * GOP_US) for n in (4, 5, 1, 2, 6, 7)]
    assert starts(Cutter("a"), stream) == [T0 + n * GOP_US for n in (4, 1, 6)]


def test_other_parameter_sets_begin_a_segment_and_equal_ones_do_not() -> None:
    cutter = Cutter("a")
    cutter.begins_segment(fragment(T0))
    same = replace(fragment(T0 + GOP_US), video_config=replace(VIDEO))
    other = replace(fragment(T0 + 2 * GOP_US), video_config=replace(VIDEO, width_px=1920))
    assert not cutter.begins_segment(same)
    assert cutter.begins_segment(other)


def test_sound_that_comes_or_goes_begins_a_segment() -> None:
    cutter = Cutter("a")
    cutter.begins_segment(fragment(T0))
    assert cutter.begins_segment(
        replace(fragment(T0 + GOP_US), audio_config=AudioConfig(Codec.PCMU, 8000, 1))
    )


def test_a_gop_longer_than_a_minute_is_not_cut_apart() -> None:
    cutter = Cutter("a")
    stream = [fragment(T0, continues=False)]
    stream += [fragment(T0 + n * GOP_US, key=False) for n in range(1, 100)]
    assert starts(cutter, stream) == [T0]


def test_a_camera_that_never_sends_another_keyframe_does_not_grow_one_file_for_ever() -> None:
    stream = [fragment(T0, continues=False)]
    stream += [fragment(T0 + n * GOP_US, key=False) for n in range(1, 1000)]
    found = starts(Cutter("a"), stream)
    assert [b - a for a, b in itertools.pairwise(found)] == [LONGEST_SEGMENT_US] * 3


def test_a_forgotten_segment_is_begun_anew() -> None:
    cutter = Cutter("a")
    cutter.begins_segment(fragment(T0))
    cutter.forget()
    assert cutter.begins_segment(fragment(T0 + GOP_US))
