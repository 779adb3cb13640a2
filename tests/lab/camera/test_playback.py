"""Which picture comes next."""

from tandem.lab.camera.material import Material, Picture
from tandem.lab.camera.playback import Playback, Reel, Shot
from tandem.lab.camera.profile import Profile

SPS = b"\x67\x64\x00\x0a"


def reel(label: int, displays: list[int], keyframes: list[int]) -> Reel:
    """Make material whose slices say what they are."""
    pictures = tuple(
        Picture((bytes((0x65, label, place, 0x80)),), place in keyframes, display)
        for place, display in enumerate(displays)
    )
    material = Material(Profile(length_s=1), pictures, (SPS,), (), b"")
    return Reel(material, marked=False)


def plain(label: int = 1) -> Reel:
    return reel(label, [0, 1, 2, 3, 4, 5], [0, 3])


def what(shot: Shot) -> tuple[int, int]:
    """Return label and place of the picture that was shown."""
    block = shot.units[0].block
    return block[17], block[18]


def play(
    playback: Playback, count: int, *, alternate: bool = False, frozen: bool = False
) -> list[Shot]:
    return [playback.next(alternate=alternate, frozen=frozen) for _ in range(count)]


def test_display_goes_on_over_the_loop_joint() -> None:
    shots = play(Playback((plain(),), (), unique=False), 15)
    assert [shot.display for shot in shots] == list(range(15))
    assert [what(shot)[1] for shot in shots] == [0, 1, 2, 3, 4, 5] * 2 + [0, 1, 2]


def test_reordered_pictures_are_each_shown_once_and_never_sent_before_they_are_taken() -> None:
    playback = Playback((reel(1, [0, 3, 1, 2, 4, 6, 5], [0, 4]),), (), unique=False)
    shots = play(playback, 21)
    assert sorted(shot.display for shot in shots) == list(range(21))
    assert playback.delay == 2
    assert all(shot.display <= place + playback.delay for place, shot in enumerate(shots))


def test_a_change_of_profile_waits_for_a_keyframe_and_display_goes_on() -> None:
    playback = Playback((plain(1),), (plain(2),), unique=False)
    shots = play(playback, 2) + play(playback, 8, alternate=True) + play(playback, 6)
    assert [shot.display for shot in shots] == list(range(16))
    labels = [what(shot)[0] for shot in shots]
    assert labels == [1] * 3 + [2] * 9 + [1] * 4
    assert what(shots[3]) == (2, 0)
    assert what(shots[12]) == (1, 0)


def test_a_freeze_repeats_a_keyframe_and_then_goes_on_behind_it() -> None:
    playback = Playback((plain(),), (), unique=False)
    shots = play(playback, 1) + play(playback, 5, frozen=True) + play(playback, 3)
    assert [what(shot)[1] for shot in shots] == [0, 1, 2, 3, 3, 3, 3, 4, 5]
    assert [shot.display for shot in shots] == list(range(9))


def test_unique_slices_grow_by_a_zero_word_each_loop() -> None:
    shots = play(Playback((plain(),), (), unique=True), 18)
    blocks = [shot.units[0].block for shot in shots]
    assert len(set(blocks)) == 18
    assert [block[-6:] for block in blocks[::6]] == [
        blocks[0][-6:],
        b"\x00\x80\x00\x00\x03"[-6:].rjust(6, b"\x01"),
        b"\x00\x00\x03\x00\x00\x03",
    ]
