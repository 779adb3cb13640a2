"""Cameras as the control socket shows them and takes them: JSON, never with a login. Pure."""

import json
from typing import Any

from tandem.cluster.document import StoredValueError
from tandem.cluster.model import Camera, Placement
from tandem.cluster.plan.view import Service
from tandem.node.control.protocol import (
    VERSION,
    CameraEntry,
    CameraList,
    Json,
    KeptLogin,
    NewLogin,
    RefusedError,
)
from tandem.recording.camera import Login

_OURS = ("login", "revision", "camera_id", "has_login", "placement", "removed")
"""What a camera's document has beside the fields that are stored."""


def camera_document(entry: CameraEntry) -> Json:
    """One camera.

    Returns:
        The stored fields but the login, with `camera_id`, `has_login`, `revision`, `placement`.
    """
    fields: Json = json.loads(entry.camera.encode())
    del fields["login"], fields["removed"]
    return {
        "version": VERSION,
        "camera_id": entry.camera.camera_id,
        **{name: value for name, value in fields.items() if name != "version"},
        "has_login": entry.camera.login is not None,
        "revision": entry.revision,
        "placement": placement_document(entry.placement),
    }


def placement_document(placement: Placement | None) -> Json | None:
    """Who records a camera."""
    if placement is None:
        return None
    return {"nodes": list(placement.nodes), "generation": placement.generation}


def cameras_document(found: CameraList) -> Json:
    """All cameras."""
    return {
        "version": VERSION,
        "cameras": [camera_document(entry) for entry in found.entries],
        "problems": list(found.problems),
    }


def read_service(body: bytes) -> Service:
    """Read what is to become of a node.

    Raises:
        RefusedError: it cannot be read.
    """
    try:
        sent = json.loads(body)
        return Service(sent["service"])
    except (ValueError, RecursionError, TypeError, KeyError):
        raise RefusedError(
            "Send a JSON object with 'service', one of " + ", ".join(Service) + "."
        ) from None


def read_camera(camera_id: str, body: bytes) -> tuple[Camera, NewLogin, int]:
    """Read what a PUT sends. Nothing of it is repeated in an error: it may have a password in it.

    Returns:
        The camera, its login, and the revision that is to be changed.

    Raises:
        RefusedError: it cannot be read.
    """
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError):
        raise RefusedError("What was sent is not JSON.") from None
    if not isinstance(sent, dict):
        raise RefusedError("What was sent is not a JSON object.")
    revision = sent.get("revision")
    if isinstance(revision, bool) or not isinstance(revision, int) or revision < 0:
        raise RefusedError("Send the 'revision' that is to be changed; 0 enters a new camera.")
    login = _login(sent)
    if sent.get("camera_id", camera_id) != camera_id:
        raise RefusedError("What was sent names another camera than the path.")
    stored = {name: value for name, value in sent.items() if name not in _OURS}
    try:
        camera = Camera.decode(camera_id, json.dumps(stored).encode())
    except StoredValueError as problem:
        text = str(problem).replace("What the store holds of ", "What was sent of ", 1)
        raise RefusedError(text) from None
    return camera, login, revision


def _login(sent: dict[str, Any]) -> NewLogin:
    if "login" not in sent:
        return KeptLogin.KEPT
    match sent["login"]:
        case None:
            return None
        case {"username": str(username), "password": str(password), **more} if (
            username and not more
        ):
            return Login(username, password)
    raise RefusedError("A 'login' has a 'username' and a 'password', or is null to remove it.")
