"""What an agent offers to whoever asks it, and what it may answer instead."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from tandem.cluster.model import Camera, Placement
from tandem.cluster.plan.resource import Resource
from tandem.cluster.plan.view import Service
from tandem.recording.camera import Login

if TYPE_CHECKING:
    from tandem.node.control.fencing import FencingControl

VERSION: Final = 1
"""Of every document that is answered."""

Json = dict[str, Any]


class ControlError(Exception):
    """Anything that an agent answers instead of what was asked for; for the administrator."""


class NotFoundError(ControlError):
    """There is no such thing."""


class RefusedError(ControlError):
    """What was sent cannot be used."""


class KeptLogin(enum.Enum):
    """The camera's login is to stay as it is."""

    KEPT = "kept"


NewLogin = Login | Literal[KeptLogin.KEPT] | None
"""What a camera's login is to be: this one, the one that it has, or none."""


@dataclass(frozen=True, slots=True)
class CameraEntry:
    """A camera as it stands in the store.

    Attributes:
        camera: with its login sealed.
        revision: of its key.
        placement: who records it; None: nobody was told to yet.
    """

    camera: Camera
    revision: int
    placement: Placement | None


@dataclass(frozen=True, slots=True)
class Definition:
    """A resource as it stands in the store.

    Attributes:
        resource: what is wanted.
        revision: of its key.
    """

    resource: Resource
    revision: int


class ConflictError(ControlError):
    """The camera has been changed since it was read, or is there already.

    Attributes:
        current: as it is now; None where its id was used by a camera that was removed.
    """

    def __init__(self, message: str, current: CameraEntry | None) -> None:
        super().__init__(message)
        self.current = current


@dataclass(frozen=True, slots=True)
class CameraList:
    """All cameras.

    Attributes:
        entries: by id.
        problems: cameras that the store has and this release cannot read, a sentence each.
    """

    entries: Sequence[CameraEntry]
    problems: Sequence[str] = ()


class NodeControl(Protocol):
    """An agent, as its control socket knows it.

    Whatever asks the store may raise its `StoreError`s.
    """

    @property
    def fencing(self) -> "FencingControl":
        """How nodes are fenced, and the operator's word in place of it."""
        ...

    def node_status(self) -> Json:
        """This node alone, at once, from memory."""
        ...

    def word(self) -> Json:
        """What this node says of the cameras that it records; see `tandem.node.control.words`."""
        ...

    async def cluster_status(self) -> Json:
        """The whole cluster, of all nodes that answer; ends within seconds whoever does not."""
        ...

    async def check_machine(self) -> Json:
        """What `tandem check` finds on this node; within seconds."""
        ...

    async def check_cluster(self) -> Json:
        """What it finds on all nodes that answer, and of the cluster; within seconds."""
        ...

    def has_removed(self, node_id: str) -> bool:
        """Whether a node was taken out of the cluster: it is answered no more."""
        ...

    async def invite(self) -> str:
        """A token by which one server may join, for an hour.

        Raises:
            AuthorityError: nobody could sign for it.
        """
        ...

    async def remove_node(self, node_id: str) -> None:
        """Take a node out of the cluster for good: one that is lost, or this one itself.

        Raises:
            NotFoundError: there is none of this name.
            RefusedError: it is there, or may still run what must not run twice.
        """
        ...

    async def cameras(self) -> CameraList:
        """All cameras that are to be recorded."""
        ...

    async def camera(self, camera_id: str) -> CameraEntry:
        """One of them.

        Raises:
            NotFoundError: there is none of this id, or no more.
        """
        ...

    async def put_camera(self, camera: Camera, login: NewLogin, revision: int) -> int:
        """Enter or change a camera. What is as wanted already is not written again.

        Args:
            camera: its own `login` is not looked at.
            login: in plain; sealed here.
            revision: 0 to enter it; else that of the key when it was read.

        Returns:
            The revision of the key as it stands now.

        Raises:
            ConflictError: it is there already, or was changed since.
            NotFoundError: it is not there any more.
        """
        ...

    async def remove_camera(self, camera_id: str, revision: int) -> None:
        """Record a camera no more. Its recordings stay for as long as was said.

        Args:
            camera_id: which.
            revision: of the key when it was read.

        Raises:
            ConflictError: it was changed since.
            NotFoundError: it is not there any more.
        """
        ...

    async def resource(self, resource_id: str) -> Definition:
        """A resource, as it is defined.

        Raises:
            NotFoundError: there is none of this id.
        """
        ...

    async def put_resource(self, resource: Resource, revision: int) -> int:
        """Define or change a resource.

        Args:
            resource: what is wanted.
            revision: 0 to enter it; else that of the key when it was read.

        Returns:
            The revision of the key as it stands now.

        Raises:
            RefusedError: it could not run so, is there already, or was changed since.
            NotFoundError: it is not there any more.
        """
        ...

    async def remove_resource(self, resource_id: str, revision: int) -> None:
        """Keep a resource running no more: it is stopped where it runs, and then forgotten.

        Raises:
            RefusedError: others need it, or it was changed since.
            NotFoundError: it is not there any more.
        """
        ...

    async def move_resource(self, resource_id: str, node_id: str, for_s: int) -> None:
        """Wish a resource onto a node for a while. Where it is then, it stays.

        Raises:
            RefusedError: it may not run there.
            NotFoundError: there is no such resource, or node.
        """
        ...

    async def set_service(self, node_id: str, service: Service) -> None:
        """Say what becomes of a node: to be emptied, to be switched off, as usual.

        Raises:
            NotFoundError: there is no such node.
        """
        ...
