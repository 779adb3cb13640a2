"""Pictures are found by identity and order; what is not there is never said to be."""

from typing import NamedTuple
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from tandem.node.archivist.matching import Held, foreign, match

FRAME_US = 40_000


class Shot(NamedTuple):
    identity: bytes
    time_us: int


def shots(*numbers: int, shift_us: int = 0) -> list[Shot]:
    return [Shot(number.to_bytes(2, "little"), number * FRAME_US + shift_us) for number in numbers]


def held(number: int, pictures: list[Shot]) -> Held:
    return Held(UUID(int=number), pictures)


@given(
    st.sets(st.integers(0, 99)),
    st.sets(st.integers(0, 99)),
    st.integers(-2_000_000, 2_000_000),
    st.integers(1, 99),
)
def test_missing_is_what_no_segment_has(
    ours: set[int], fetched: set[int], shift_us: int, cut: int
) -> None:
    own = [
        held(1, shots(*sorted(n for n in ours if n < cut), shift_us=shift_us)),
        held(2, shots(*sorted(n for n in ours if n >= cut), shift_us=shift_us)),
        held(3, shots(*sorted(fetched))),
    ]
    found = match(shots(*range(100)), [segment for segment in own if segment.pictures])
    assert set(found.missing) == set(range(100)) - ours - fetched
    carried = {
        picture.identity[0]
        for segment in own
        if segment.segment_id in found.carrying
        for picture in segment.pictures
        if isinstance(picture, Shot)
    }
    assert carried == ours | fetched


def test_the_same_picture_again_counts_only_for_its_time() -> None:
    still = [Shot(b"still", at * FRAME_US) for at in range(100)]
    found = match(still, [held(1, still[:30]), held(2, still[60:])])
    assert set(range(40, 50)) <= set(found.missing) <= set(range(30, 60))


def test_what_was_fetched_beside_a_damaged_copy_is_found_in_a_still_scene() -> None:
    still = [Shot(b"still", at * FRAME_US) for at in range(100)]
    later = [Shot(b"still", at * FRAME_US + 7_000) for at in range(100)]
    assert match(still, [held(1, later[:60]), held(2, still[50:])]).missing == ()


def test_the_end_of_a_still_segment_is_not_taken_from_the_next_one() -> None:
    still = [Shot(b"still", at * FRAME_US) for at in range(200)]
    found = match(still[:100], [held(1, still[:88]), held(2, still[100:])])
    assert set(range(88, 99)) <= set(found.missing)  # of the last one, see two-copies.md, D2


def test_a_stretch_fetched_into_the_hole_of_a_still_segment_is_found() -> None:
    still = [Shot(b"still", at * FRAME_US) for at in range(100)]
    later = [Shot(b"still", at * FRAME_US + 7_000) for at in range(100)]
    assert match(still, [held(1, later[:40] + later[60:]), held(2, still[40:60])]).missing == ()


def test_of_nothing_all_is_missing() -> None:
    assert match(shots(1, 2), []).missing == (0, 1)


def test_a_short_stretch_of_a_still_scene_is_not_found_in_what_was_filmed_before_and_after() -> (
    None
):
    """Each group of pictures repeats the one before; what lacks is the one in the middle."""
    group = 25
    still = [Shot(bytes([number % group]), number * FRAME_US) for number in range(5 * group)]
    asked = still[2 * group : 3 * group]
    around = held(1, [*still[: 2 * group], *still[3 * group :]])
    assert len(match(asked, [around]).missing) == group
    assert match(asked, [around, held(2, asked)]).missing == ()


def test_ten_seconds_of_other_pictures_tell_that_the_camera_encodes_separately() -> None:
    asked = shots(*range(251))
    others = held(1, [Shot(b"other", at * FRAME_US + 3_000) for at in range(250)])
    assert foreign(asked, range(251), [others]) == list(range(251))
    assert foreign(asked, range(250), [others]) == []  # not quite ten seconds


def test_a_hole_in_another_encoding_is_what_lacks() -> None:
    asked = shots(*range(600))
    others = held(1, [Shot(b"o", at * FRAME_US) for at in range(600) if not 300 < at < 400])
    found = foreign(asked, range(600), [others])
    assert set(range(600)) - set(found) == set(range(305, 395))


def test_what_lacks_here_and_there_is_not_taken_for_another_encoding() -> None:
    asked = shots(*range(600))
    ours = held(1, [shot for at, shot in enumerate(asked) if at % 100 >= 30])
    assert foreign(asked, [at for at in range(600) if at % 100 < 30], [ours]) == []
