"""From an order for a volume to a writer for it. Blocking."""

from collections.abc import Callable

from tandem.archive.index import Index
from tandem.archive.layout import INDEX_FILE
from tandem.archive.volume import Volume
from tandem.clock import Clock
from tandem.recording.orders import VolumeOrder
from tandem.recording.volume_writer import Report, VolumeWriter


def open_writer(
    order: VolumeOrder, cluster_number: int, clock: Clock, report: Callable[[Report], None]
) -> VolumeWriter:
    """Open a volume and its index, and make a writer for them, not yet started.

    Args:
        order: which volume.
        cluster_number: whose it has to be.
        clock: for the writer.
        report: for the writer.

    Raises:
        ArchiveError: the volume or its index cannot be written.
    """
    volume = Volume.open(order.path, order.volume_id, cluster_number, order.limits)
    try:
        index = Index.open(volume.root / INDEX_FILE)
    except BaseException:
        volume.close()
        raise
    return VolumeWriter(volume, index, clock, report)
