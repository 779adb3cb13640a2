"""What a plan was made from, and what came of it, as one JSON document that can be repeated.

Whatever a plan depends on is in it, the time included. Whatever it does not depend on is not: no
login, no URL, no option of a resource, since it is made to be handed on.
"""

import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tandem.cluster.document import VERSION, Document, StoredValueError, encode
from tandem.cluster.model import Camera, Placement, Protection
from tandem.cluster.placement import View as CameraView
from tandem.cluster.placement import plan as plan_cameras
from tandem.cluster.plan.planner import plan
from tandem.cluster.plan.render import render, render_cameras
from tandem.cluster.plan.resource import Resource
from tandem.cluster.plan.saved_resources import (
    Fields,
    decode_cost,
    decode_node,
    decode_view,
    encode_cost,
    encode_node,
    encode_view,
)
from tandem.cluster.plan.view import View

CAMERAS: Final = "cameras"
RESOURCES: Final = "resources"


@dataclass(frozen=True, slots=True)
class CameraInput:
    """What a plan of cameras is made from.

    Attributes:
        view: what is there.
        wanted: the cameras.
    """

    view: CameraView
    wanted: tuple[Camera, ...]

    def outcome(self) -> list[str]:
        """Plan, and write the plan as text."""
        return render_cameras(plan_cameras(self.view, self.wanted))


@dataclass(frozen=True, slots=True)
class ResourceInput:
    """What a plan of resources is made from.

    Attributes:
        view: what is there.
        wanted: the resources.
    """

    view: View
    wanted: tuple[Resource, ...]

    def outcome(self) -> list[str]:
        """Plan, and write the plan as text."""
        return render(plan(self.view, self.wanted), self.view.now_us)


Input = CameraInput | ResourceInput


@dataclass(frozen=True, slots=True)
class Decision:
    """A plan that was made.

    Attributes:
        made_from: what it was made from.
        outcome: the plan, as lines of text.
        release: of Tandem that made it.
        node_id: that made it.
        at_us: when, UTC.
    """

    made_from: Input
    outcome: tuple[str, ...]
    release: str
    node_id: str
    at_us: int

    def encode(self) -> bytes:
        """As one JSON document."""
        return encode(
            {
                "release": self.release,
                "node_id": self.node_id,
                "at_us": self.at_us,
                "input": _input(self.made_from),
                "outcome": self.outcome,
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> "Decision":
        """Read what `encode` wrote.

        Raises:
            StoredValueError: it is not that, or of another version.
        """
        stored = _read("the decision", data)
        return cls(
            made_from=_read_input(Document("the input", stored.table("input"), _FILE)),
            outcome=stored.texts("outcome"),
            release=stored.text("release"),
            node_id=stored.text("node_id"),
            at_us=stored.whole("at_us"),
        )

    def difference(self, repeated: Sequence[str]) -> list[str]:
        """How another outcome differs from this one, as a unified diff; nothing if it does not."""
        if tuple(repeated) == self.outcome:
            return []
        return list(
            difflib.unified_diff(self.outcome, repeated, "saved", "repeated", lineterm="", n=2)
        )


_FILE: Final = "the file"


def encode_input(made_from: Input) -> bytes:
    """What a plan is made from, as one JSON document."""
    return encode(_input(made_from))


def decode_input(data: bytes) -> Input:
    """Read what `encode_input` wrote.

    Raises:
        StoredValueError: it is not that, or of another version.
    """
    return _read_input(_read("the input", data))


def _read(what: str, data: bytes) -> Document:
    """A file is no value of the store: what is wrong with it is said in other words."""
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise StoredValueError(f"It is not JSON ({error}).") from error
    if not isinstance(fields, dict) or fields.get("version") != VERSION:
        raise StoredValueError(f'It is no JSON object with "version": {VERSION}.')
    return Document(what, fields, _FILE)


def _input(made_from: Input) -> Fields:
    if isinstance(made_from, ResourceInput):
        return {"of": RESOURCES, **encode_view(made_from.view, made_from.wanted)}
    view = made_from.view
    return {
        "of": CAMERAS,
        "nodes": {it.node_id: encode_node(it) for it in view.nodes},
        "down": sorted(view.down),
        "draining": sorted(view.draining),
        "taken": {name: encode_cost(it) for name, it in view.taken.items()},
        "cameras": {
            it.camera_id: {"protection": it.protection, "bit_rate_mbps": it.bit_rate_mbps}
            for it in made_from.wanted
        },
        "placements": {
            name: {"nodes": it.nodes, "generation": it.generation}
            for name, it in view.placements.items()
        },
    }


def _read_input(stored: Document) -> Input:
    of = stored.text("of")
    if of == RESOURCES:
        return ResourceInput(*decode_view(stored))
    if of != CAMERAS:
        raise StoredValueError(f"It is a decision of {of}, which this release does not know.")
    view = CameraView(
        nodes=tuple(decode_node(*it) for it in stored.named_parts("nodes", "node").items()),
        placements={
            name: Placement(name, it.texts("nodes"), it.whole("generation"))
            for name, it in stored.named_parts("placements", "the placement of camera").items()
        },
        down=frozenset(stored.texts("down")),
        draining=frozenset(stored.texts("draining")),
        taken={name: decode_cost(it) for name, it in stored.named_parts("taken", "node").items()},
    )
    return CameraInput(
        view,
        tuple(
            Camera(
                name, name, (), it.choice("protection", Protection), it.positive("bit_rate_mbps")
            )
            for name, it in stored.named_parts("cameras", "camera").items()
        ),
    )
