"""What a plan of deletion has to know of one volume, asked of its index."""

from typing import Final

from tandem.archive.deletion import Stock
from tandem.archive.index_reader import IndexReader
from tandem.archive.volume import Volume

_OLDEST: Final = 256
"""Of the volume: more than a minute's recording ever needs to make room for."""

_OF_EACH_COPY: Final = 32
"""Thirty times what a camera records between two sweeps."""

_LARGEST_RESERVE: Final = 0.05
"""Share of a volume that a wish for room may cost."""


def take_stock(volume: Volume, reader: IndexReader, wanted_bytes: int = 0) -> Stock:
    """Look at what might be deleted from a volume.

    Args:
        volume: open.
        reader: of its index.
        wanted_bytes: room to be made beyond its limits: a twentieth of the volume at most.

    Raises:
        DiskError: the volume does not answer.
    """
    space = volume.space(reader.recorded_bytes())
    reserve_bytes = min(wanted_bytes, int(space.capacity_bytes * _LARGEST_RESERVE))
    return Stock(reader.deletable(_OLDEST, _OF_EACH_COPY), space, reserve_bytes)
