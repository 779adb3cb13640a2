"""What the archivist of this node is to make whole, and when to look again. Pure.

An order carries a token: whenever it is a new one, the archivist compares this node's copy with the
others', and fetches what lacks. So the token changes with whatever may have left a hole here: other
nodes in the placement, another node that came back, a connection of this node that began anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tandem.cluster.model import Camera, Placement
from tandem.node.agent.work import copies_here
from tandem.node.archivist.orders import HealOrder
from tandem.recording.camera import StreamKey


@dataclass(slots=True)
class HealOrders:
    """Works out the orders, and remembers what their tokens depend on.

    Attributes:
        returns: how often each node came back.
        connected: since when each stream is connected, UTC; by camera and stream.
    """

    returns: dict[str, int] = field(default_factory=dict)
    connected: dict[str, dict[str, int]] = field(default_factory=dict)

    def note_return(self, node_id: str) -> None:
        """A node that was suspected is there again."""
        self.returns[node_id] = self.returns.get(node_id, 0) + 1

    def note_streams(self, streams: Mapping[StreamKey, Mapping[str, Any]]) -> bool:
        """Take note of what the recorders say; a stream that is not connected tells nothing.

        Returns:
            Whether any connection is a new one.
        """
        is_new = False
        for (camera_id, stream), said in streams.items():
            since_us = said.get("since_us")
            if not said.get("connected") or since_us is None:
                continue
            known = self.connected.setdefault(camera_id, {})
            is_new |= known.get(stream) != since_us
            known[stream] = since_us
        return is_new

    def orders(
        self, node_id: str, cameras: Mapping[str, Camera], placements: Mapping[str, Placement]
    ) -> dict[str, HealOrder]:
        """What is to be whole here, by camera.

        Args:
            node_id: this node.
            cameras: by id.
            placements: by camera.
        """
        found = copies_here(node_id, cameras, placements)
        return {
            camera_id: self._order(cameras[camera_id], placements[camera_id], peers)
            for camera_id, peers in found.items()
            if peers
        }

    def _order(self, camera: Camera, placement: Placement, peers: tuple[str, ...]) -> HealOrder:
        streams = tuple(stream.name for stream in camera.streams if stream.recorded)
        known = self.connected.get(camera.camera_id, {})
        connected = [known[stream] for stream in streams if stream in known]
        depends_on = [placement.generation, *(self.returns.get(peer, 0) for peer in peers)]
        return HealOrder(
            peers=peers,
            streams=streams,
            since_us=None,
            token=".".join(map(str, [*depends_on, *connected])),
        )
