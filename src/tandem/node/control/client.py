"""Asking the agent of this node, over its Unix socket; for the command line, so it blocks."""

import http.client
import json
import socket
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

from tandem.archive.errors import words_of
from tandem.cluster.plan.view import Service
from tandem.node.control.protocol import VERSION, Json, KeptLogin, NewLogin

DEADLINE_S: Final = 15.0
"""Longer than an agent takes to say that it cannot answer."""

LARGEST_ANSWER_BYTES: Final = 64 << 20


class AskingError(Exception):
    """The agent could not be asked, or did not do what it was asked to; for the administrator."""


class AnswerError(AskingError):
    """The agent has answered, and said no.

    Attributes:
        status: of HTTP.
        document: its answer.
    """

    def __init__(self, status: int, document: Json) -> None:
        super().__init__(str(document.get("problem") or f"The agent answers with {status}."))
        self.status = status
        self.document = document

    @property
    def is_conflict(self) -> bool:
        """Whether somebody else has changed what was to be changed."""
        return self.status == HTTPStatus.CONFLICT

    @property
    def is_not_found(self) -> bool:
        """Whether there is no such thing."""
        return self.status == HTTPStatus.NOT_FOUND


class ControlClient:
    """An agent, asked one question at a time.

    Every method raises `AskingError` where there is no agent, or it has no answer, and
    `AnswerError` where it says no.

    Args:
        path: of the agent's socket.
        deadline_s: for each read and write.
    """

    def __init__(self, path: Path, deadline_s: float = DEADLINE_S) -> None:
        self._path = path
        self._deadline_s = deadline_s

    def status(self) -> Json:
        """The whole cluster."""
        return self._ask("GET", "/v1/status")

    def node(self) -> Json:
        """The agent's own node."""
        return self._ask("GET", "/v1/node")

    def check(self) -> Json:
        """What is found of the whole cluster by `tandem check`."""
        return self._ask("GET", "/v1/check")

    def invite(self) -> str:
        """A token by which one server may join."""
        return str(self._ask("POST", "/v1/invitations")["token"])

    def remove_node(self, node_id: str) -> None:
        """Take a node out of the cluster for good."""
        self._ask("DELETE", f"/v1/nodes/{quote(node_id, safe='')}")

    def cameras(self) -> Json:
        """All cameras."""
        return self._ask("GET", "/v1/cameras")

    def camera(self, camera_id: str) -> Json:
        """One camera."""
        return self._ask("GET", _path_of(camera_id))

    def sealed_login(self, camera_id: str) -> str | None:
        """A camera's login, as it is stored; None: it has none."""
        sealed = self._ask("GET", f"{_path_of(camera_id)}/login")["sealed"]
        return None if sealed is None else str(sealed)

    def put_camera(self, camera: Json, revision: int, login: NewLogin = KeptLogin.KEPT) -> int:
        """Enter or change a camera.

        Args:
            camera: as the agent shows it; what it adds itself may be there.
            revision: 0 to enter it, else the one that was read.
            login: what its login is to be.

        Returns:
            The revision of the camera now.
        """
        body: Json = {**camera, "version": VERSION, "revision": revision}
        if login is None:
            body["login"] = None
        elif login is not KeptLogin.KEPT:
            body["login"] = {"username": login.username, "password": login.password}
        return int(self._ask("PUT", _path_of(camera["camera_id"]), body)["revision"])

    def remove_camera(self, camera_id: str, revision: int) -> None:
        """Record a camera no more."""
        self._ask("DELETE", f"{_path_of(camera_id)}?revision={revision}")

    def resource(self, resource_id: str) -> Json:
        """A resource, as it is defined."""
        return self._ask("GET", _resource_path(resource_id))

    def put_resource(self, resource_id: str, definition: Json, revision: int) -> int:
        """Define or change a resource; returns its revision now."""
        body = {**definition, "version": VERSION, "revision": revision}
        return int(self._ask("PUT", _resource_path(resource_id), body)["revision"])

    def remove_resource(self, resource_id: str, revision: int) -> None:
        """Keep a resource running no more."""
        self._ask("DELETE", f"{_resource_path(resource_id)}?revision={revision}")

    def move_resource(self, resource_id: str, node_id: str, for_s: int) -> None:
        """Wish a resource onto a node for a while."""
        path = f"{_resource_path(resource_id)}/move"
        self._ask("PUT", path, {"version": VERSION, "node": node_id, "for_s": for_s})

    def set_service(self, node_id: str, service: Service) -> None:
        """Say what becomes of a node."""
        path = f"/v1/nodes/{quote(node_id, safe='')}/service"
        self._ask("PUT", path, {"version": VERSION, "service": service})

    def fencing(self) -> Json:
        """How all nodes are fenced, without what is sealed."""
        return self._ask("GET", "/v1/fencing")

    def sealed_fencing(self, node_id: str) -> Json:
        """How a node is fenced, as it is stored."""
        return self._ask("GET", f"/v1/fencing/{quote(node_id, safe='')}")

    def put_fencing(self, node_id: str, levels: list[Json], revision: int) -> None:
        """Enter how a node is fenced.

        Args:
            node_id: the node.
            levels: as they are stored; none: it is not fenced any more.
            revision: 0 if nothing was entered for it, else the one that was read.
        """
        body: Json = {"version": VERSION, "levels": levels, "revision": revision}
        self._ask("PUT", f"/v1/fencing/{quote(node_id, safe='')}", body)

    def session(self, node_id: str) -> Json:
        """A node's session, and whether the agent's own node hears it."""
        return self._ask("GET", f"/v1/nodes/{quote(node_id, safe='')}/session")

    def confirm_off(self, node_id: str, revision: int) -> Json:
        """Give the operator's word that a node is off.

        Args:
            node_id: the node.
            revision: of its session when it was read.
        """
        body: Json = {"version": VERSION, "revision": revision}
        return self._ask("PUT", f"/v1/nodes/{quote(node_id, safe='')}/off", body)

    def _ask(self, method: str, path: str, body: Json | None = None) -> Json:
        data = None if body is None else json.dumps(body).encode()
        try:
            with _Connection(self._path, self._deadline_s) as connection:
                connection.request(method, path, data, {"Content-Type": "application/json"})
                response = connection.getresponse()
                text = response.read(LARGEST_ANSWER_BYTES)
        except (FileNotFoundError, ConnectionRefusedError):
            raise AskingError(
                "The agent of this node does not run. Start it: `tandem up`, or what you run it"
                f" by. (Nothing listens at {self._path}.)"
            ) from None
        except PermissionError:
            raise AskingError(
                f"You may not talk to this node's agent ({self._path}): run this with sudo, or be a"
                " member of the group tandem."
            ) from None
        except TimeoutError:
            raise AskingError(
                f"This node's agent did not answer within {self._deadline_s:.0f} s. Look at its"
                " log: `tandem up` writes it to its standard error."
            ) from None
        except (OSError, http.client.HTTPException) as error:
            said = words_of(error) if isinstance(error, OSError) else str(error)
            raise AskingError(
                f"This node's agent ({self._path}) broke off: {said or type(error).__name__}."
            ) from None
        return _document(response.status, text)


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, deadline_s: float) -> None:
        super().__init__("localhost", timeout=deadline_s)
        self._path = path
        self._deadline_s = deadline_s

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self._deadline_s)
        self.sock.connect(str(self._path))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()


def _resource_path(resource_id: str) -> str:
    return f"/v1/resources/{quote(resource_id, safe='')}"


def _path_of(camera_id: object) -> str:
    return f"/v1/cameras/{quote(str(camera_id), safe='')}"


def _document(status: int, text: bytes) -> Json:
    try:
        document: Any = json.loads(text)
        version = document["version"]
    except (ValueError, KeyError, TypeError):
        raise AskingError("This node's agent answers with what is no document of Tandem.") from None
    if version != VERSION:
        raise AskingError(
            f"This node's agent speaks version {version}, and this command version {VERSION}."
            " End the agent after an update, and start it again."
        )
    if status != HTTPStatus.OK:
        raise AnswerError(status, document)
    return dict(document)
