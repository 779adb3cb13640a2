"""From an order for a volume to the volume in service. Blocking."""

import logging

from tandem.archive.mount import Mounted, mount
from tandem.recording.orders import VolumeOrder

log = logging.getLogger(__name__)


def open_volume(order: VolumeOrder, cluster_number: int) -> Mounted:
    """Bring a volume into service, whatever a crash left of it.

    Args:
        order: which volume.
        cluster_number: whose it has to be.

    Raises:
        ArchiveError: the volume or its index cannot be written.
    """
    mounted = mount(order.path, order.volume_id, cluster_number, order.limits)
    for path in mounted.report.closed:
        log.info("%s was left open by a crash; it is whole now", order.path / path)
    for problem in mounted.report.problems:
        log.error("%s", problem)
    return mounted
