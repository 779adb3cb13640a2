"""What the cluster agrees on, as values: cameras, nodes, placements, sessions.

Each is stored as JSON under a key of its own (docs/design/cluster.md, "Keys"); `encode` writes it,
`decode` reads it and refuses what this release does not understand.
"""

import enum
from dataclasses import asdict, dataclass, field
from typing import Self

from tandem.cluster.document import Document, StoredValueError, encode

SECOND_US = 1_000_000

LONGEST_S = 100 * 365 * 86_400
"""For which anything is kept; for longer, say nothing."""


class Protection(enum.StrEnum):
    """What a camera is worth, from least to most."""

    COLD = "cold"
    """Restored by hand, or when its node returns."""
    FAILOVER = "failover"
    """The next node connects when the recording one is suspected."""
    RELAYED = "relayed"
    """For a camera that allows one session: who has it passes the pictures on to a second."""
    HOT = "hot"
    """A second node records as well, and keeps its copy for a window."""
    MIRROR = "mirror"
    """A second node records as well, and keeps its copy for the whole retention."""

    @property
    def copies(self) -> int:
        """How many nodes spend a stream and its write rate on the camera while all is well."""
        return 1 if self in {Protection.COLD, Protection.FAILOVER} else 2


class Role(enum.StrEnum):
    """Which copy a node records: by the committed placement alone, never by suspicion."""

    PRIMARY = "primary"
    SECOND = "second"


class SessionState(enum.StrEnum):
    """Whether a session may be renewed."""

    LIVE = "live"
    EVICTED = "evicted"
    """Ended by another node: never renewed again."""
    OFF = "off"
    """Evicted; and since then fencing, or the operator's word, has confirmed the node off."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One of the streams that a camera offers.

    Attributes:
        name: "main" or "sub"; part of the path of its recordings.
        url: where it is, without a login.
        recorded: whether it is recorded, or only there to be looked at live.
    """

    name: str
    url: str
    recorded: bool = True


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera as the administrator wants it recorded.

    Attributes:
        camera_id: unique in the cluster, never used again.
        name: for people.
        streams: what it offers; each name once.
        protection: what it is worth.
        bit_rate_mbps: all its recorded streams together, Mbit/s, as estimated or measured.
        window_s: how long a second keeps its copy; used by `hot` and `relayed` alone.
        transport: how its RTP travels: "tcp" or "udp".
        audio: whether sound is recorded beside the picture.
        keep_s: how long its recordings are kept; None: as long as there is room.
        keep_bytes: of it on each node at most, the oldest beyond it deleted; None for no limit.
        removed: it is recorded no more; what is recorded of it stays for as long as was said. Its
            key stays as well, so that its id is never used again.
        login: sealed by whoever entered it; nothing here can read it, and no message shows it.
    """

    camera_id: str
    name: str
    streams: tuple[Stream, ...]
    protection: Protection
    bit_rate_mbps: float
    window_s: int = 600
    transport: str = "tcp"
    audio: bool = False
    keep_s: int | None = None
    keep_bytes: int | None = None
    removed: bool = False
    login: str | None = field(default=None, repr=False)

    @property
    def window_us(self) -> int | None:
        """How long a copy of a second is kept at least; None for as long as the retention (D7).

        Where one copy is meant to be, a stand-in's copy has no window: it may go as soon as the
        primary has promised.
        """
        match self.protection:
            case Protection.MIRROR:
                return None
            case Protection.HOT | Protection.RELAYED:
                return self.window_s * SECOND_US
            case Protection.COLD | Protection.FAILOVER:
                return 0

    def encode(self) -> bytes:
        """As stored under `cameras/<id>`."""
        return encode(_without_id(self, "camera_id"))

    @classmethod
    def decode(cls, camera_id: str, data: bytes) -> Self:
        """Read a stored camera.

        Raises:
            StoredValueError: it is not one that this release understands.
        """
        stored = Document.read(f"camera '{camera_id}'", data)
        return cls(
            camera_id=camera_id,
            name=stored.text("name", camera_id),
            streams=tuple(
                Stream(part.text("name"), part.text("url"), part.flag("recorded", default=True))
                for part in stored.parts("streams")
            ),
            protection=stored.choice("protection", Protection),
            bit_rate_mbps=stored.positive("bit_rate_mbps"),
            window_s=stored.whole("window_s", most=LONGEST_S),
            transport=stored.text("transport", "tcp"),
            audio=stored.flag("audio", default=False),
            keep_s=stored.optional_whole("keep_s", most=LONGEST_S),
            keep_bytes=stored.optional_whole("keep_bytes"),
            removed=stored.flag("removed", default=False),
            login=stored.optional_text("login"),
        )


@dataclass(frozen=True, slots=True)
class Link:
    """A node's address on one of the networks between nodes.

    Attributes:
        name: of the network, the same on all nodes: "a", "b".
        address: of this node there, IP address or host name.
    """

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Node:
    """A server of the cluster, and how much it can take.

    Attributes:
        node_id: unique in the cluster.
        links: its addresses, one a network.
        capacity_mbps: how much it can receive from cameras, Mbit/s.
        disk_mb_s: how much its volumes can write together while they are also read to verify,
            10^6 bytes/s.
        streams: how many cameras it can record at once.
        zone: what fails together: a rack, a power feed, a building. Empty: of its own.
        fingerprint: SHA-256 of its certificate, in hexadecimal digits.
    """

    node_id: str
    links: tuple[Link, ...]
    capacity_mbps: float
    disk_mb_s: float
    streams: int
    zone: str = ""
    fingerprint: str = ""

    def encode(self) -> bytes:
        """As stored under `nodes/<id>`."""
        return encode(_without_id(self, "node_id"))

    @classmethod
    def decode(cls, node_id: str, data: bytes) -> Self:
        """Read a stored node.

        Raises:
            StoredValueError: it is not one that this release understands.
        """
        stored = Document.read(f"node '{node_id}'", data)
        return cls(
            node_id=node_id,
            links=tuple(
                Link(part.text("name"), part.text("address")) for part in stored.parts("links")
            ),
            capacity_mbps=stored.positive("capacity_mbps"),
            disk_mb_s=stored.positive("disk_mb_s"),
            streams=stored.whole("streams"),
            zone=stored.text("zone", ""),
            fingerprint=stored.text("fingerprint", ""),
        )


@dataclass(frozen=True, slots=True)
class Placement:
    """Who records a camera.

    Attributes:
        camera_id: the camera.
        nodes: in order: primary, second, followers. At least one, none twice.
        generation: grows with each change of `nodes`.
    """

    camera_id: str
    nodes: tuple[str, ...]
    generation: int

    def __post_init__(self) -> None:
        if not self.nodes or len(set(self.nodes)) < len(self.nodes):
            raise StoredValueError(
                f"The placement of camera '{self.camera_id}' names"
                f" {'a node twice' if self.nodes else 'no node'}: {', '.join(self.nodes)}."
                " Remove its key; it will be planned anew."
            )

    @property
    def primary(self) -> str:
        """The node that keeps the camera's recordings, and alone may promise to (D2)."""
        return self.nodes[0]

    def role_of(self, node_id: str) -> Role:
        """Which copy a node records if it does: whoever is not the primary is a second."""
        return Role.PRIMARY if node_id == self.primary else Role.SECOND

    def encode(self) -> bytes:
        """As stored under `placements/<camera id>`."""
        return encode(_without_id(self, "camera_id"))

    @classmethod
    def decode(cls, camera_id: str, data: bytes) -> Self:
        """Read a stored placement.

        Raises:
            StoredValueError: it is not one that this release understands.
        """
        stored = Document.read(f"the placement of camera '{camera_id}'", data)
        return cls(camera_id, stored.texts("nodes"), stored.whole("generation"))


@dataclass(frozen=True, slots=True)
class Session:
    """A node's membership, renewed by compare-and-swap.

    Attributes:
        epoch: grows whenever the node begins a session, or is evicted.
        counter: grows with each renewal.
        nonce: new for each attempt to write, so that one of unknown outcome can be recognised.
        state: whether it may be renewed.
        began: the revision that began it; 0 in the first write itself, whose revision that is.
        seen: the node had seen all sessions as they stood at this revision or later, before it
            wrote this.
        nodes: so many are configured, as far as the node knew then: among so many it counts a
            majority while the store is out of its reach.
        incarnation: of the store; a session of another one counts as none.
    """

    epoch: int
    counter: int
    nonce: str
    state: SessionState = SessionState.LIVE
    began: int = 0
    seen: int = 0
    nodes: int = 0
    incarnation: int = 0

    @property
    def is_live(self) -> bool:
        """Whether it may be renewed."""
        return self.state is SessionState.LIVE

    @property
    def begun_epoch(self) -> int:
        """The epoch in which its node began it: an eviction takes the next one."""
        return self.epoch if self.state is SessionState.LIVE else self.epoch - 1

    def encode(self) -> bytes:
        """As stored under `sessions/<node id>`."""
        return encode(asdict(self))

    @classmethod
    def decode(cls, node_id: str, data: bytes) -> Self:
        """Read a stored session.

        Raises:
            StoredValueError: it is not one that this release understands.
        """
        stored = Document.read(f"the session of node '{node_id}'", data)
        return cls(
            epoch=stored.whole("epoch"),
            counter=stored.whole("counter"),
            nonce=stored.text("nonce"),
            state=stored.choice("state", SessionState),
            began=stored.whole("began", 0),
            seen=stored.whole("seen", 0),
            nodes=stored.whole("nodes", 0),
            incarnation=stored.whole("incarnation", 0),
        )


def _without_id(value: Camera | Node | Placement, name: str) -> dict[str, object]:
    """The fields to store: the identity is in the key already, and must not be there twice."""
    return {key: found for key, found in asdict(value).items() if key != name}
