"""From an order for a volume to the volume in service. Blocking."""

import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from tandem.archive.errors import DiskError
from tandem.archive.index import Index
from tandem.archive.layout import INDEX_FILE
from tandem.archive.mount import Mounted, mount
from tandem.archive.rebuild import adopt
from tandem.archive.volume import Volume
from tandem.recording.orders import VolumeOrder

log = logging.getLogger(__name__)

Opener = Callable[[VolumeOrder, int], Mounted]
"""As `open_volume`."""

DEFECTS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    sqlite3.Error,
    TypeError,
    ValueError,
)
"""What nobody foresaw of a volume: it must cost that volume alone."""


def open_volume(order: VolumeOrder, cluster_number: int) -> Mounted:
    """Bring a volume into service, whatever a crash left of it.

    Args:
        order: which volume.
        cluster_number: whose it has to be.

    Raises:
        ArchiveError: the volume or its index cannot be written.
    """
    try:
        mounted = mount(order.path, order.volume_id, cluster_number, order.limits)
    except DEFECTS as defect:
        log.exception("%s: a defect kept it from being opened", order.path)
        raise DiskError(f"{order.path} cannot be opened: {defect!r}") from defect
    for path in mounted.report.closed:
        log.info("%s was left open by a crash; it is whole now", order.path / path)
    for problem in mounted.report.problems:
        log.error("%s", problem)
    return mounted


def adopt_files(order: VolumeOrder, cluster_number: int) -> list[str]:
    """File what a new index does not know yet, while recording goes on.

    Args:
        order: a volume that is in service.
        cluster_number: whose it is.

    Returns:
        Problems with single files.

    Raises:
        ArchiveError: the volume or its index cannot be used.
    """
    with _opened(order, cluster_number) as (volume, index):
        return [] if index.is_complete() else adopt(volume, index).problems


def forget_gaps(order: VolumeOrder, cluster_number: int, before_us: Mapping[str, int]) -> None:
    """Drop gaps of times of which recordings would be kept no more, while recording goes on.

    Args:
        order: a volume that is in service.
        cluster_number: whose it is.
        before_us: see `Index.forget_gaps`.

    Raises:
        ArchiveError: the volume or its index cannot be used.
    """
    with _opened(order, cluster_number) as (_, index):
        index.forget_gaps(before_us)


@contextmanager
def _opened(order: VolumeOrder, cluster_number: int) -> Iterator[tuple[Volume, Index]]:
    """Open a volume for itself: it may be given up by its writer meanwhile."""
    volume = Volume.open(order.path, order.volume_id, cluster_number, order.limits)
    try:
        index = Index.open(volume.root / INDEX_FILE)
        try:
            yield volume, index
        finally:
            index.close()
    finally:
        volume.close()
