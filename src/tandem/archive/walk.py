"""Which files a volume has, whatever its index says."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from tandem.archive.layout import LOCKS, QUARANTINE, RESERVED
from tandem.archive.volume import Volume


def segment_files(volume: Volume) -> Iterator[PurePosixPath]:
    """Every `<camera>/<stream>/<day>/<name>.mp4`, by name: of each stream the oldest first.

    Raises:
        OSError: a directory cannot be read.
    """
    for camera in volume.listdir(PurePosixPath()):
        if camera not in RESERVED:
            yield from _below(volume, PurePosixPath(camera), 2)


def quarantined_files(volume: Volume) -> Iterator[PurePosixPath]:
    """Every file that was moved aside.

    Raises:
        OSError: a directory cannot be read.
    """
    yield from _below(volume, QUARANTINE, 3)


def lock_markers(volume: Volume) -> list[str]:
    """The names of the evidence markers: hexadecimal segment ids.

    Raises:
        OSError: the directory cannot be read.
    """
    return volume.listdir(LOCKS)


def _below(volume: Volume, directory: PurePosixPath, levels: int) -> Iterator[PurePosixPath]:
    for name in volume.listdir(directory):
        if levels:
            yield from _below(volume, directory / name, levels - 1)
        elif name.endswith(".mp4"):
            yield directory / name
