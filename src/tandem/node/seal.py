"""Camera logins as the store keeps them: sealed by the cluster's key, readable to nodes alone.

A sealed login is "v1:" and base64 of nonce, ciphertext and tag: AES-256-GCM (NIST SP 800-38D), its
key derived from the cluster's by HKDF-SHA256 (RFC 5869). The camera's id is authenticated with it,
so that nobody who may write to the store gives one camera another one's login, and reads it there.
"""

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tandem.recording.camera import Login

KEY_BYTES: Final = 32
_VERSION: Final = "v1:"
_CONTEXT: Final = b"tandem/v1 camera login"
_NONCE_BYTES: Final = 12
_BLOCK_BYTES: Final = 128
"""Logins are filled up to a multiple of it, so that a sealed one does not tell how long it is."""


class SealError(Exception):
    """A login cannot be sealed or unsealed; the message is for the administrator."""


class Sealer:
    """Seals and unseals the logins of one cluster's cameras.

    Args:
        cluster_key: the 32 bytes of `cluster.key`.
        random: gives as many random bytes as it is asked for.

    Raises:
        SealError: the key is none.
    """

    def __init__(self, cluster_key: bytes, random: Callable[[int], bytes] = os.urandom) -> None:
        if len(cluster_key) != KEY_BYTES:
            raise SealError(
                f"The cluster's key has {len(cluster_key)} bytes instead of {KEY_BYTES}."
                " Copy cluster.key from another node of the cluster."
            )
        derived = HKDF(SHA256(), KEY_BYTES, salt=None, info=_CONTEXT).derive(cluster_key)
        self._cipher = AESGCM(derived)
        self._random = random

    def seal(self, camera_id: str, username: str, password: str) -> str:
        """Seal a login for one camera; another time the same login looks different.

        Args:
            camera_id: whose login it is.
            username: as the camera knows it.
            password: as the camera knows it.
        """
        content = json.dumps({"username": username, "password": password}).encode()
        content += b" " * (-len(content) % _BLOCK_BYTES)
        nonce = self._random(_NONCE_BYTES)
        return _VERSION + b64encode(
            nonce + self._cipher.encrypt(nonce, content, camera_id.encode())
        ).decode("ascii")

    def unseal(self, camera_id: str, sealed: str) -> Login:
        """Read a login.

        Args:
            camera_id: whose login it should be.
            sealed: as `seal` made it.

        Raises:
            SealError: it was sealed by another cluster, for another camera, or is damaged.
        """
        if not sealed.startswith(_VERSION):
            raise SealError(
                f"The login of camera '{camera_id}' was sealed by another release of Tandem."
                " Run the same release on all nodes, or enter the login again."
            )
        try:
            data = b64decode(sealed.removeprefix(_VERSION), validate=True)
            nonce, sealed_content = data[:_NONCE_BYTES], data[_NONCE_BYTES:]
            content = json.loads(self._cipher.decrypt(nonce, sealed_content, camera_id.encode()))
            return Login(str(content["username"]), str(content["password"]))
        except (InvalidTag, ValueError, KeyError, TypeError):
            raise SealError(
                f"The login of camera '{camera_id}' cannot be unsealed: this node's cluster.key is"
                " not the one it was sealed with, or it is damaged. Compare the file with another"
                f" node's; if they are the same, enter the login again: tandem camera edit"
                f" {camera_id} --user NAME."
            ) from None  # what stands there belongs in no traceback
