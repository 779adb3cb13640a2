"""`tandem export` of every camera, on a node that lives."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tandem.lab.cluster.mix import camera_id
from tandem.lab.demo.programs import ask, at_once, span_options
from tandem.lab.hosts import Host

_DEADLINE_S: Final = 60.0
_COMPLETE, _WITH_GAPS = 0, 3


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export of one camera gave.

    Attributes:
        camera: its number.
        files: in the order of time, as this process sees them.
        missing: what the product itself says is missing.
        nodes: whose copies it took pictures from.
    """

    camera: int
    files: list[Path]
    missing: list[str]
    nodes: list[str]


def export_all(host: Host, cameras: int, place: Path, from_us: int, to_us: int) -> list[Exported]:
    """Export every camera.

    Args:
        host: the node on which it is done.
        cameras: how many there are.
        place: directory for the files, on that host; made.
        from_us: beginning, UTC.
        to_us: end, UTC.

    Raises:
        LabError: an export failed.
    """
    host.outside(place).mkdir(parents=True, exist_ok=True)
    options = span_options(from_us, to_us)

    def export(number: int) -> Exported:
        name = camera_id(number)
        target = ["--output", str(place / f"{name}.mp4")]
        argv = ["export", name, *options, *target]
        told = ask(host, argv, (_COMPLETE, _WITH_GAPS), _DEADLINE_S)
        return Exported(
            number,
            [host.outside(each["path"]) for each in told["files"]],
            [f"{one['from']} - {one['to']}: {one['cause']}" for one in told["missing"]],
            [each["node_id"] for each in told["copies"] if each["frames_taken"]],
        )

    return at_once(export, range(1, cameras + 1))
