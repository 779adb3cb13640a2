"""The frames of an export in order, cut into files where the stream changed. Pure.

A file has one set of parameters, since players seldom follow a change inside one. So a file ends
where a keyframe needs other parameter sets than the ones before it, or where sound changed.

It also ends before pictures that nobody has the keyframe of: in the middle of a file a player would
show them on top of what was before the gap. They are the beginning of the next file, which is shown
from its first keyframe on. Where no keyframe follows, nothing can show them: they are left out. The
same goes for pictures that follow a keyframe behind a gap, and are to be shown before it: they need
what was before it, too (open GOPs).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tandem.archive.export.runs import Run
from tandem.archive.export.units import Row, UnitTable
from tandem.archive.rows import Interval
from tandem.media.mp4.decode_times import DEEPEST_REORDERING
from tandem.media.units import VIDEO_CLOCK_HZ, AudioConfig, VideoConfig


@dataclass
class Part:
    """What goes into one file.

    Attributes:
        video: how to decode its pictures.
        audio: how to decode its sound; None where there is none.
        first: place of its first picture in the table.
        end: the place behind its last one.
        keyframe: place of its first keyframe; None before it came.
        taken: how many pictures come from each source.
        held: how many of the pictures each source has.
        runs: those that have any of the pictures.
    """

    video: VideoConfig
    audio: AudioConfig | None
    first: int
    end: int
    keyframe: int | None = None
    taken: Counter[int] = field(default_factory=Counter)
    held: Counter[int] = field(default_factory=Counter)
    runs: set[int] = field(default_factory=set)

    def count(self, row: Row, runs: Sequence[Run], by: int) -> None:
        """Count its last picture, or no longer."""
        self.end += by
        self.taken[runs[row.run].source] += by
        for source in {runs[run].source for run in row.runs}:
            self.held[source] += by


class Assembly:
    """Gathers rows into tables.

    Args:
        videos: how to decode the pictures of each segment.
        sounds: the same for sound.

    Attributes:
        pictures: all of them.
        sound: all of it, by how it is decoded.
    """

    def __init__(
        self, videos: Mapping[int, VideoConfig], sounds: Mapping[int, AudioConfig | None]
    ) -> None:
        self.pictures = UnitTable(VIDEO_CLOCK_HZ)
        self.sound: dict[AudioConfig, UnitTable] = {}
        self._parts: list[Part] = []
        self._key: Row | None = None
        self._videos = videos
        self._sounds = sounds

    @property
    def parts(self) -> list[Part]:
        """One for each file."""
        return [part for part in self._parts if part.keyframe is not None]

    def undecodable(self) -> list[Interval]:
        """When pictures are recorded, and the keyframe that they need is not; UTC."""
        found = []
        for part in self._parts:
            until, last = self.pictures.end(part.first, part.end), part.end
            if part.keyframe is not None:
                until = self.pictures.shown[part.keyframe]
                last = min(last, part.keyframe + DEEPEST_REORDERING)
            first = min(self.pictures.shown[part.first : last])
            if first < until:
                found.append(Interval(first * 100 // 9, until * 100 // 9))
        return found

    def add_picture(self, row: Row, runs: Sequence[Run]) -> None:
        """Add the next picture.

        Args:
            row: it.
            runs: by number, to whom rows refer.
        """
        video, audio = self._videos[row.unit.segment], self._sounds[row.unit.segment]
        part = self._parts[-1] if self._parts else None
        key, self._key = self._key, None
        if part is not None and key is not None and row.time_us < key.time_us:
            part = self._move_to_next(part, key, runs)
        elif part is None or self._ends(part, row):
            part = Part(video, audio, len(self.pictures), len(self.pictures))
            self._parts.append(part)
        elif part.keyframe is not None and self._may_lead(part, row):
            self._key = row
        if part.keyframe is None and row.unit.is_keyframe:
            part.keyframe = len(self.pictures)
        part.audio = part.audio or audio
        part.runs |= row.runs
        self.pictures.append(row)
        part.count(row, runs, 1)

    def _move_to_next(self, part: Part, key: Row, runs: Sequence[Run]) -> Part:
        """Let the next file begin with the last picture, a keyframe."""
        part.count(key, runs, -1)
        segment = key.unit.segment
        following = Part(self._videos[segment], self._sounds[segment], part.end, part.end)
        following.keyframe = following.first
        following.runs |= key.runs
        following.count(key, runs, 1)
        self._parts.append(following)
        return following

    def _may_lead(self, part: Part, row: Row) -> bool:
        """Whether a picture is a keyframe behind a gap: those that it leads are not to be shown."""
        return row.unit.is_keyframe and self.pictures.is_seam_before(row, part.runs)

    def _ends(self, part: Part, row: Row) -> bool:
        """Whether a picture cannot go into a file that was begun."""
        segment = row.unit.segment
        if row.unit.is_keyframe:
            return _differs(part, self._videos[segment], self._sounds[segment])
        return part.keyframe is not None and self.pictures.is_seam_before(row, part.runs)

    def add_sound(self, row: Row) -> None:
        """Add the next frame of sound."""
        config = self._sounds[row.unit.segment]
        if config is not None:
            table = self.sound.get(config)
            if table is None:
                table = self.sound[config] = UnitTable(config.sample_rate_hz)
            table.append(row)


def _differs(part: Part, video: VideoConfig, audio: AudioConfig | None) -> bool:
    """Whether a keyframe cannot go into the file; one without sound fits in any."""
    if part.video != video:
        return True
    return part.audio is not None and audio is not None and part.audio != audio
