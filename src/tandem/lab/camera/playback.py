"""Which picture comes next: endless loops, changes of profile, frozen pictures."""

from dataclasses import dataclass

from tandem.lab.camera.material import Material
from tandem.lab.camera.nal import is_vcl, lengthen
from tandem.lab.camera.packing import Packed, pack_picture, pack_sound

_MOST_WORDS = 1024
"""After so many loops slices repeat: 3 KiB behind each slice is enough."""


class Reel:
    """Material with its packets, shared by all cameras that play it.

    Args:
        material: the pictures and the sound.
        marked: whether pictures carry a mark.
    """

    def __init__(self, material: Material, *, marked: bool) -> None:
        self.material = material
        self._marked = marked
        self._packed: dict[int, Packed] = {}
        self.sound = tuple(pack_sound(frame) for frame in material.sound)

    def packed(self, index: int, words: int) -> Packed:
        """Return the packets of a picture.

        Args:
            index: its place in the material.
            words: zero words behind each slice, to make its bytes differ.
        """
        if words:
            return self._pack(index, words)
        if index not in self._packed:
            self._packed[index] = self._pack(index, 0)
        return self._packed[index]

    def _pack(self, index: int, words: int) -> Packed:
        codec = self.material.profile.codec
        nals = self.material.pictures[index].nals
        if words:
            nals = tuple(lengthen(nal, words) if is_vcl(codec, nal) else nal for nal in nals)
        return pack_picture(codec, nals, marked=self._marked)


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture on its way out.

    Attributes:
        display: its place in the order of display since the camera began.
        is_keyframe: whether decoding may begin here.
        units: its packets, one set per encoder.
    """

    display: int
    is_keyframe: bool
    units: tuple[Packed, ...]


class Playback:
    """Plays one reel per encoder, all at the same place, in an endless loop.

    Args:
        reels: one reel per encoder.
        alternates: reels to change to on request; may be empty.
        unique: whether slices shall differ in every loop.
    """

    def __init__(
        self, reels: tuple[Reel, ...], alternates: tuple[Reel, ...], *, unique: bool
    ) -> None:
        self._choices = (reels, alternates or reels)
        self._reels = reels
        self._unique = unique
        self._loops = 0
        self._index = 0
        self._base = 0
        self.delay = max(_delay(reel.material) for choice in self._choices for reel in choice)

    @property
    def material(self) -> Material:
        """What plays now, as the first encoder makes it."""
        return self._reels[0].material

    @property
    def sound(self) -> tuple[Packed, ...]:
        """The sound frames that go with it."""
        return self._reels[0].sound

    def next(self, *, alternate: bool, frozen: bool) -> Shot:
        """Return the next picture in coding order.

        Args:
            alternate: whether the other reels are wanted, from the next keyframe on.
            frozen: whether a keyframe, once reached, is to be repeated.
        """
        wanted = self._choices[alternate]
        place = self._base + self._index
        if wanted is not self._reels and self.material.pictures[self._index].is_keyframe:
            self._reels, self._index, self._base = wanted, 0, place
        picture = self.material.pictures[self._index]
        words = self._loops % _MOST_WORDS if self._unique else 0
        shot = Shot(
            self._base + picture.display_index,
            picture.is_keyframe,
            tuple(reel.packed(self._index, words) for reel in self._reels),
        )
        if frozen and picture.is_keyframe:
            self._base += 1
        else:
            self._advance()
        return shot

    def _advance(self) -> None:
        self._index += 1
        if self._index == len(self.material.pictures):
            self._base += self._index
            self._index = 0
            self._loops += 1


def _delay(material: Material) -> int:
    """Return by how many pictures coding lags behind capture: B-frames need the next picture."""
    return max(one.display_index - place for place, one in enumerate(material.pictures))
