"""What is remembered of a cluster in a lab: `cluster.json` in the lab's directory.

It goes with the directory when the lab is taken down.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tandem.cluster.model import Protection
from tandem.lab.cluster.plan import ClusterPlan
from tandem.lab.hosts import LabError

VERSION = 1
FILE = "cluster.json"


@dataclass(frozen=True, slots=True)
class Service:
    """A program that runs on a host for as long as that is on.

    Attributes:
        name: for people.
        argv: program and arguments.
        log: the host's file for its output.
    """

    name: str
    argv: list[str]
    log: str


@dataclass(slots=True)
class Record:
    """What is remembered.

    Attributes:
        plan: what the cluster is.
        services: of each host.
        recording_since_us: when all cameras were first recorded by all that are to, UTC.
    """

    plan: ClusterPlan
    services: dict[str, list[Service]] = field(default_factory=dict)
    recording_since_us: int | None = None


def save(record: Record, directory: Path) -> None:
    """Write it so that a reader finds the old or the new, whole."""
    draft = directory / f"{FILE}.new"
    draft.write_text(json.dumps({"version": VERSION, **asdict(record)}, indent=1), "utf-8")
    draft.replace(directory / FILE)


def load(directory: Path) -> Record:
    """Read it.

    Raises:
        LabError: there is no cluster in that directory, or one of another version.
    """
    try:
        fields = json.loads((directory / FILE).read_text("utf-8"))
    except FileNotFoundError:
        raise LabError(
            f"There is no cluster in {directory}. Bring one up with `tandem lab up`."
        ) from None
    except ValueError as error:
        raise LabError(f"{directory / FILE} is damaged ({error}). Take the lab down.") from None
    if fields.get("version") != VERSION:
        raise LabError(
            f"The cluster in {directory} was made by another version of Tandem. Take it down with "
            f"`tandem lab down`, and up again."
        )
    plan = fields["plan"]
    return Record(
        ClusterPlan(**{**plan, "protection": Protection(plan["protection"])}),
        {host: [Service(**each) for each in found] for host, found in fields["services"].items()},
        fields["recording_since_us"],
    )
