"""The pictures and the sound a camera plays, read from the cache into memory."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from tandem.lab.camera.nal import is_idr, is_parameter_set, is_vcl, split_annex_b
from tandem.lab.camera.profile import Profile

AUDIO_RATE_HZ = 16_000
"""Sampling rate of the sound, and its RTP clock."""

AUDIO_FRAME_SAMPLES = 1024
"""Samples in one AAC frame (ISO/IEC 14496-3 section 4.5.1.1)."""


class MaterialError(Exception):
    """A file in the cache cannot be played; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One access unit as encoded.

    Attributes:
        nals: its NAL units in order, without start codes.
        is_keyframe: whether decoding may begin here.
        display_index: its place in the order of display, from 0.
    """

    nals: tuple[bytes, ...]
    is_keyframe: bool
    display_index: int


@dataclass(frozen=True, slots=True)
class Material:
    """A closed loop of pictures, in coding order, and of sound.

    Attributes:
        profile: how it was encoded.
        pictures: begins with an IDR picture; no picture refers beyond its own GOP.
        parameter_sets: the first picture's parameter sets, for the session description.
        sound: AAC frames without ADTS header; empty without sound.
        sound_config: AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1).
    """

    profile: Profile
    pictures: tuple[Picture, ...]
    parameter_sets: tuple[bytes, ...]
    sound: tuple[bytes, ...]
    sound_config: bytes

    @property
    def reorder_depth(self) -> int:
        """By how many pictures display lags behind coding."""
        return max(place - one.display_index for place, one in enumerate(self.pictures))


def load(path: Path, profile: Profile) -> Material:
    """Read material from the cache.

    Args:
        path: a NUT file with Annex B video and, if the profile has it, raw AAC.
        profile: how it was encoded.

    Returns:
        The material.

    Raises:
        MaterialError: the file cannot be played as a loop.
    """
    coded: list[tuple[tuple[bytes, ...], Fraction]] = []
    sound: list[bytes] = []
    sound_config = b""
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.size == 0 or packet.pts is None:
                continue
            if packet.stream.type == "video":
                shown_at_s = packet.pts * Fraction(packet.time_base)
                coded.append((split_annex_b(bytes(packet)), shown_at_s))
            else:
                sound.append(bytes(packet))
                sound_config = bytes(packet.stream.codec_context.extradata or b"")
    pictures = _pictures(coded, profile)
    _check_loop(path, pictures)
    sets = tuple(one for one in pictures[0].nals if is_parameter_set(profile.codec, one))
    return Material(profile, pictures, sets, tuple(sound), sound_config)


def _pictures(
    coded: list[tuple[tuple[bytes, ...], Fraction]], profile: Profile
) -> tuple[Picture, ...]:
    first_shown_s = min((shown_at_s for _, shown_at_s in coded), default=Fraction(0))
    return tuple(
        Picture(
            nals,
            any(is_idr(profile.codec, nal) for nal in nals),
            round((shown_at_s - first_shown_s) * profile.fps),
        )
        for nals, shown_at_s in coded
        if any(is_vcl(profile.codec, nal) for nal in nals)
    )


def _check_loop(path: Path, pictures: tuple[Picture, ...]) -> None:
    shown = sorted(one.display_index for one in pictures)
    keyframes = [place for place, one in enumerate(pictures) if one.is_keyframe]
    closed = all(pictures[place].display_index == place for place in keyframes)
    if shown != list(range(len(pictures))) or keyframes[:1] != [0] or not closed:
        raise MaterialError(
            f"{path} cannot be played as a loop: it has to begin with a keyframe, have closed GOPs "
            "and lack no picture. Delete it, and it is encoded again."
        )
