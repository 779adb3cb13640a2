"""Which recorder process records which camera. Pure."""

from collections.abc import Mapping


def spread(
    bit_rates_mbps: Mapping[str, float], count: int, before: Mapping[str, int]
) -> dict[str, int]:
    """Give each camera a process; one that has a process keeps it.

    To move a camera costs a second of its recording, and balance is worth less: so whoever comes
    goes where least is recorded, the largest first, and nobody else is touched. A process that many
    cameras have left is filled by the next ones. Sub and main stream have their camera in common,
    and so their process.

    Args:
        bit_rates_mbps: the cameras, and what all recorded streams of each are estimated to need.
        count: of processes.
        before: where cameras are now; those that are gone may be among them.

    Returns:
        The process of each camera, from 0; the same for the same arguments in any order.

    Raises:
        ValueError: there is no process.
    """
    if count < 1:
        raise ValueError(f"Cameras cannot be recorded by {count} processes; have one at least.")
    places = {
        camera_id: before[camera_id]
        for camera_id in bit_rates_mbps
        if before.get(camera_id, count) < count
    }
    loads = [(0.0, 0)] * count  # Mbit/s, then cameras, which differ where the estimates are 0
    for camera_id, place in places.items():
        loads[place] = _more(loads[place], bit_rates_mbps[camera_id])
    newcomers = sorted(
        bit_rates_mbps.keys() - places.keys(), key=lambda it: (-bit_rates_mbps[it], it)
    )
    for camera_id in newcomers:
        place = min(range(count), key=loads.__getitem__)
        places[camera_id] = place
        loads[place] = _more(loads[place], bit_rates_mbps[camera_id])
    return places


def _more(load: tuple[float, int], bit_rate_mbps: float) -> tuple[float, int]:
    return (load[0] + bit_rate_mbps, load[1] + 1)
