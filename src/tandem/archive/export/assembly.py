"""The frames of an export in order, cut into files where the stream changed. Pure.

A file has one set of parameters, since players seldom follow a change inside one. So a file ends
where a keyframe needs other parameter sets than the ones before it, or where sound changed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tandem.archive.export.runs import Run
from tandem.archive.export.units import Row, UnitTable
from tandem.media.units import VIDEO_CLOCK_HZ, AudioConfig, VideoConfig


@dataclass
class Part:
    """What goes into one file.

    Attributes:
        video: how to decode its pictures.
        audio: how to decode its sound; None where there is none.
        first: place of its first picture in the table.
        end: the place behind its last one.
    """

    video: VideoConfig
    audio: AudioConfig | None
    first: int
    end: int


class Assembly:
    """Gathers rows into tables.

    Args:
        videos: how to decode the pictures of each segment.
        sounds: the same for sound.

    Attributes:
        pictures: all of them.
        sound: all of it, by how it is decoded.
        parts: one for each file.
        taken: how many pictures come from each source.
        held: how many of the pictures each source has.
    """

    def __init__(
        self, videos: Mapping[int, VideoConfig], sounds: Mapping[int, AudioConfig | None]
    ) -> None:
        self.pictures = UnitTable(VIDEO_CLOCK_HZ)
        self.sound: dict[AudioConfig, UnitTable] = {}
        self.parts: list[Part] = []
        self.taken: Counter[int] = Counter()
        self.held: Counter[int] = Counter()
        self._videos = videos
        self._sounds = sounds

    def add_picture(self, row: Row, runs: Sequence[Run]) -> None:
        """Add the next picture.

        Args:
            row: it.
            runs: by number, to whom rows refer.
        """
        video, audio = self._videos[row.unit.segment], self._sounds[row.unit.segment]
        part = self.parts[-1] if self.parts else None
        if part is None or (row.unit.is_keyframe and _differs(part, video, audio)):
            part = Part(video, audio, len(self.pictures), 0)
            self.parts.append(part)
        part.audio = part.audio or audio
        self.pictures.append(row)
        part.end = len(self.pictures)
        self.taken[runs[row.run].source] += 1
        for source in {runs[run].source for run in (row.run, *row.others)}:
            self.held[source] += 1

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
