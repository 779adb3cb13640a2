"""The secrets of fence devices as the store keeps them: sealed by the cluster's key.

A sealed value is "v1:" and base64 of nonce, ciphertext and tag: AES-256-GCM (NIST SP 800-38D), its
key derived from the cluster's by HKDF-SHA256 (RFC 5869). The node, the agent and all its other
options are authenticated with it. So whoever may write to the store, and has no key, can neither
read a password, nor have it sent to an address of his own, nor have any agent called: some of their
options name programs. A device without secrets is sealed as well, for that reason.
"""

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tandem.node.fencing.definition import Device

KEY_BYTES: Final = 32
_VERSION: Final = "v1:"
_CONTEXT: Final = b"tandem/v1 fence device"
_NONCE_BYTES: Final = 12
_BLOCK_BYTES: Final = 128
"""Filled up to a multiple of it, so that a sealed value does not tell how long a password is."""


class SecretError(Exception):
    """A device's secrets cannot be sealed or opened; the message is for the administrator."""


class SecretBox:
    """Seals and opens the secrets of one cluster's fence devices.

    Args:
        cluster_key: the 32 bytes of `cluster.key`.
        random: gives as many random bytes as it is asked for.

    Raises:
        SecretError: the key is none.
    """

    def __init__(self, cluster_key: bytes, random: Callable[[int], bytes] = os.urandom) -> None:
        if len(cluster_key) != KEY_BYTES:
            raise SecretError(
                f"The cluster's key has {len(cluster_key)} bytes instead of {KEY_BYTES}."
                " Copy cluster.key from another node of the cluster."
            )
        self._cipher = AESGCM(
            HKDF(SHA256(), KEY_BYTES, salt=None, info=_CONTEXT).derive(cluster_key)
        )
        self._random = random

    def seal(self, node_id: str, device: Device, secrets: Mapping[str, str]) -> Device:
        """The device with its secrets sealed.

        Args:
            node_id: whom it switches off.
            device: what it is told besides; whatever it had sealed is replaced.
            secrets: by the names of the agent's options.
        """
        content = json.dumps(dict(secrets)).encode()
        content += b" " * (-len(content) % _BLOCK_BYTES)
        nonce = self._random(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, content, _bound_to(node_id, device))
        return replace(device, sealed=_VERSION + b64encode(sealed).decode("ascii"))

    def open(self, node_id: str, device: Device) -> dict[str, str]:
        """The secrets of a device.

        Raises:
            SecretError: it was sealed for another node, agent or options, by another cluster, or
                is damaged.
        """
        try:
            data = b64decode(device.sealed.removeprefix(_VERSION), validate=True)
            nonce, sealed = data[:_NONCE_BYTES], data[_NONCE_BYTES:]
            content = json.loads(self._cipher.decrypt(nonce, sealed, _bound_to(node_id, device)))
            return {str(name): str(value) for name, value in content.items()}
        except (InvalidTag, ValueError, AttributeError):
            raise SecretError(
                f"{device.agent} of node '{node_id}' cannot be used: it was not entered with this"
                " cluster's key, or was changed in the store by other means. Remove it with"
                f" `tandem fence remove {node_id}` and enter it again; if that does not help,"
                " compare this node's cluster.key with another node's."
            ) from None  # what stands there belongs in no traceback


def _bound_to(node_id: str, device: Device) -> bytes:
    """What is authenticated with the secrets, in one unambiguous form."""
    fields = {**device.fields(), "sealed": "", "node_id": node_id}
    return json.dumps(fields, sort_keys=True).encode()
