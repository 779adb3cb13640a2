"""What is a node's to keep of a camera, as the cluster places it now. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tandem.archive.coverage import Missing
from tandem.archive.rows import GapCause, Interval
from tandem.cluster.model import Protection

_SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Tasks:
    """Who keeps what of a camera.

    Attributes:
        since_us: by node, from when on its copy is kept, UTC; None: all of it. A node that is not
            named keeps nothing.
    """

    since_us: Mapping[str, int | None]


def tasks_of(camera: Mapping[str, Any] | None, now_us: int) -> Tasks | None:
    """Read them from a camera as the control socket tells it.

    Args:
        camera: its document; None where nobody tells.
        now_us: the time, UTC.

    Returns:
        None where nobody knows: no placement, or a document that is not understood.
    """
    try:
        if camera is None or camera["placement"] is None:
            return None
        primary, *others = (str(node) for node in camera["placement"]["nodes"])
        protection = Protection(camera["protection"])
        window_us = int(camera["window_s"]) * _SECOND_US
    except (KeyError, TypeError, ValueError):
        return None
    since_us: dict[str, int | None] = {primary: None}
    if others and protection.copies > 1:
        is_mirror = protection is Protection.MIRROR
        since_us[others[0]] = None if is_mirror else now_us - window_us
    return Tasks(since_us)


def split(gap: Missing, node_id: str, tasks: Tasks | None) -> list[tuple[Interval, bool]]:
    """Cut what a node lacks into what is not its to keep, and what is.

    Args:
        gap: the stretch; one with a cause that the node noted is its own matter.
        node_id: the node.
        tasks: who keeps what; None where nobody knows.

    Returns:
        The pieces, ascending, each with whether it is the node's to keep.
    """
    stretch = Interval(gap.from_us, gap.to_us)
    if tasks is None or gap.cause is not GapCause.UNKNOWN:
        return [(stretch, True)]
    since_us = tasks.since_us.get(node_id, gap.to_us)
    if since_us is None or since_us <= gap.from_us:
        return [(stretch, True)]
    if since_us >= gap.to_us:
        return [(stretch, False)]
    return [(Interval(gap.from_us, since_us), False), (Interval(since_us, gap.to_us), True)]
