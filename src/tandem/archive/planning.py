"""What may go from one volume, asked of its index."""

from dataclasses import replace

from tandem.archive.deletion import Deletion, Policy, plan_deletion
from tandem.archive.index_reader import IndexReader
from tandem.archive.volume import Volume

_CANDIDATES = 256
"""Of each camera and volume: more than a minute's recording ever needs to make room for."""

_LARGEST_RESERVE = 0.05
"""Share of a volume that a wish for room may cost."""


def plan_volume(
    volume: Volume, reader: IndexReader, now_us: int | None, policy: Policy
) -> list[Deletion]:
    """What to delete from a volume.

    Args:
        volume: open.
        reader: of its index.
        now_us: see `deletion.plan_deletion`.
        policy: `held_bytes` is of the whole node; `wanted_bytes` is made here, or a twentieth of
            the volume where that is small.

    Raises:
        DiskError: the volume does not answer.
    """
    space = volume.space(reader.recorded_bytes())
    wanted_bytes = min(policy.wanted_bytes, int(space.capacity_bytes * _LARGEST_RESERVE))
    return plan_deletion(
        reader.deletable(_CANDIDATES), space, now_us, replace(policy, wanted_bytes=wanted_bytes)
    )
