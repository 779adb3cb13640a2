"""How full a volume is, and how full it may be. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a file system a volume may use.

    Attributes:
        max_bytes: cap on the recordings; None for no cap but the disk's.
        min_free_bytes: what is left free for the index, for others, and for deleting.
    """

    max_bytes: int | None = None
    min_free_bytes: int = 1 << 30


NO_CAP = Limits()
"""The whole file system but its last GiB."""


@dataclass(frozen=True, slots=True)
class Space:
    """How full a volume is.

    Attributes:
        total_bytes: size of the file system.
        free_bytes: what an ordinary user may still write.
        recorded_bytes: sum of the segments.
        limits: what it is measured against.
    """

    total_bytes: int
    free_bytes: int
    recorded_bytes: int
    limits: Limits

    @property
    def room_bytes(self) -> int:
        """What may still be recorded; negative by as much as has to be deleted."""
        above_floor = self.free_bytes - self.limits.min_free_bytes
        if self.limits.max_bytes is None:
            return above_floor
        return min(above_floor, self.limits.max_bytes - self.recorded_bytes)

    @property
    def share_free(self) -> float:
        """`room_bytes` as a share of all that this volume may ever hold; at most 1, maybe < 0."""
        return self.room_bytes / max(self.capacity_bytes, 1)

    @property
    def capacity_bytes(self) -> int:
        """All that this volume may ever hold."""
        capacity = self.total_bytes - self.limits.min_free_bytes
        if self.limits.max_bytes is None:
            return capacity
        return min(capacity, self.limits.max_bytes)
