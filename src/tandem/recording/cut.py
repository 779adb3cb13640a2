"""Where one segment ends and the next begins. Pure."""

from blake3 import blake3

from tandem.media.fragmenter import Fragment

SEGMENT_US = 60_000_000
"""A segment's length: the grain of deletion, and one new file a minute and camera."""

LONGEST_SEGMENT_US = 10 * SEGMENT_US
"""Cut even without a keyframe: else a camera that sends one only at the start, as "smart" codecs
may, would grow one file without end."""


class Cutter:
    """Decides for one stream whether a fragment begins a new segment.

    Cuts fall on a grid of minutes, shifted per camera so that hundreds of cameras do not open files
    in the same instant. The grid is of capture time, so all recorders of a camera cut at the same
    pictures.

    Args:
        camera_id: gives the shift.
    """

    def __init__(self, camera_id: str) -> None:
        digest = blake3(camera_id.encode()).digest(length=8)
        self._shift_us = int.from_bytes(digest, "big") % SEGMENT_US
        self._last: Fragment | None = None
        self._segment_start_us = 0
        self._stands_alone = True

    def begins_segment(self, fragment: Fragment) -> bool:
        """Whether `fragment` is the first of a new segment; remembers it.

        A segment begins where a connection or a timeline began; where pictures are not those behind
        the last ones, since a disk gave back late what it did not write; where pictures or sound
        need another init segment; with the first keyframe after pictures that could not stand
        alone, so that such a piece is a file by itself, and every other file plays from its first
        picture; and with the first keyframe behind a line of the grid.
        """
        last, self._last = self._last, fragment
        begins = (
            last is None
            or not fragment.continues
            or fragment.start_us != last.end_us
            or fragment.video_config != last.video_config
            or fragment.audio_config != last.audio_config
            or self._is_due(fragment)
        )
        if begins:
            self._segment_start_us = fragment.start_us
            self._stands_alone = fragment.begins_with_keyframe
        return begins

    def forget(self) -> None:
        """The open segment is no more: whatever comes begins another."""
        self._last = None

    def _is_due(self, fragment: Fragment) -> bool:
        if not fragment.begins_with_keyframe:
            return fragment.start_us - self._segment_start_us >= LONGEST_SEGMENT_US
        return not self._stands_alone or self._minute(fragment.start_us) > self._minute(
            self._segment_start_us
        )

    def _minute(self, time_us: int) -> int:
        return (time_us + self._shift_us) // SEGMENT_US
