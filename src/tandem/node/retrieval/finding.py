"""Which camera is meant, and up to when there can be recordings of it. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tandem.archive.rows import Segment

FRESH_US: Final = 10_000_000
"""What is so new may still be on its way to a disk: a fragment of 2 s, a sync each 2 s, and more
where keyframes are rare or a disk is busy."""

_MOST_TOLD: Final = 20
"""Cameras that are named to who has named one that there is not."""


class CameraUnknownError(Exception):
    """No camera, or more than one, is meant by what was said; the message says what there is."""


@dataclass(frozen=True, slots=True)
class Named:
    """A camera of the cluster."""

    camera_id: str
    name: str


def find_camera(
    wanted: str, cameras: Sequence[Named] | None, held: Collection[str], reached: Sequence[str]
) -> str:
    """Find out which camera is meant: by its id, else by its name, in whatever case.

    Args:
        wanted: what was said.
        cameras: of the cluster; None where nobody tells.
        held: ids of all cameras of which a node has recordings, removed ones too.
        reached: the nodes that told.

    Raises:
        CameraUnknownError: it is none, or several.
    """
    if wanted in held or any(camera.camera_id == wanted for camera in cameras or ()):
        return wanted
    named = [one for one in cameras or () if one.name.casefold() == wanted.casefold()]
    if len(named) == 1:
        return named[0].camera_id
    if named:
        ids = ", ".join(sorted(camera.camera_id for camera in named))
        raise CameraUnknownError(f"{len(named)} cameras are called '{wanted}'. Name its id: {ids}.")
    nodes = ", ".join(reached) or "no node"
    sentence = f"There is no camera '{wanted}': {nodes} told what there is."
    if cameras is None:
        sentence += " Only ids were looked for, since the agent of this node tells no names."
    known = sorted({*held, *(camera.camera_id for camera in cameras or ())})
    told = ", ".join(known[:_MOST_TOLD]) or "none"
    more = f", and {len(known) - _MOST_TOLD:,} more" if len(known) > _MOST_TOLD else ""
    raise CameraUnknownError(f"{sentence} The cameras that are known: {told}{more}.")


def settled_end_us(to_us: int, now_us: int, segments: Iterable[Segment]) -> int:
    """Up to when something can be said: what is newer may be recorded, and not on a disk yet.

    Args:
        to_us: what was asked for, UTC.
        now_us: the time, UTC.
        segments: what there is of the last seconds, of all copies.

    Returns:
        `to_us`; or the end of the newest recording where that is less than `FRESH_US` ago.
    """
    until_us = min(to_us, now_us)
    newest_us = max((segment.end_us for segment in segments), default=0)
    return newest_us if now_us - FRESH_US <= newest_us < until_us else until_us
