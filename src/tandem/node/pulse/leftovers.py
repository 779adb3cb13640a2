"""What was started here and may run yet: remembered below /run, where nothing outlives the machine.

Written before a start, and taken away after a proven stop. A pulse that begins finds here what one
before it has left; control groups below the node's own are found without it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from tandem.node.secret_file import write_secret
from tandem.resources.control_group import ControlGroup
from tandem.resources.kind import Kind, Place, Resource
from tandem.resources.kinds import KINDS

VERSION: Final = 1


class Leftovers:
    """The files of one node.

    Args:
        place: where this node keeps things.
        kinds: what can be kept running.
    """

    def __init__(self, place: Place, kinds: Mapping[str, Kind] = KINDS) -> None:
        self._place = place
        self._kinds = kinds
        self._directory = place.run_directory / "started"

    def add(self, resource_id: str, kind: str, options: Mapping[str, object]) -> None:
        """About to be started. Blocks.

        Raises:
            OSError: it cannot be remembered, and must not be started.
        """
        self._place.run_directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory.mkdir(exist_ok=True, mode=0o700)
        said = {
            "version": VERSION,
            "kind": kind,
            "options": dict(options),
            "control_group": str(self._place.control_group),
        }
        write_secret(self._directory / f"{resource_id}.json", json.dumps(said).encode())

    def remove(self, resource_id: str) -> None:
        """It is proven stopped. Blocks."""
        (self._directory / f"{resource_id}.json").unlink(missing_ok=True)

    def found(self) -> Iterator[tuple[str, Resource]]:
        """What may run yet, by name, each with what stops it. Blocks.

        Raises:
            OSError: that cannot be read.
            ValueError: a file is damaged; it is not known then what runs.
            OptionError: a kind cannot use it any more.
        """
        if not self._directory.is_dir():
            return
        for path in sorted(self._directory.glob("*.json")):
            said = json.loads(path.read_bytes())
            if said.get("version") != VERSION:
                raise ValueError(f"{path} was written by another release; reboot this node.")
            place = replace(self._place, control_group=Path(said["control_group"]))
            yield path.stem, self._kinds[said["kind"]].resource(path.stem, said["options"], place)

    def groups(self) -> list[ControlGroup]:
        """Control groups of resources that anybody has left here."""
        return ControlGroup(self._place.control_group).below()
