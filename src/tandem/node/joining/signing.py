"""The authority's key, sealed in the store: any node can sign, whichever ones are lost.

Sealed by AES-256-GCM (NIST SP 800-38D) with a key derived from the cluster's by HKDF-SHA256 (RFC
5869), as camera logins are. Whoever has the cluster's key could read those already.
"""

import os
from base64 import b64decode, b64encode
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tandem.cluster import keys
from tandem.cluster.document import Document, encode
from tandem.node.authority import Authority, AuthorityError, Credentials
from tandem.node.store.model import Put, Transaction, absent
from tandem.node.store.protocol import Store

_CONTEXT: Final = b"tandem/v1 authority key"
_NONCE_BYTES: Final = 12


def sealed(authority: Credentials, cluster_key: bytes) -> bytes:
    """The authority as it stands in the store.

    Args:
        authority: of the cluster.
        cluster_key: the 32 bytes of `cluster.key`.
    """
    nonce = os.urandom(_NONCE_BYTES)
    secret = nonce + _cipher(cluster_key).encrypt(nonce, authority.key, authority.certificate)
    return encode(
        {"certificate": authority.certificate.decode(), "key": b64encode(secret).decode()}
    )


def unsealed(stored: bytes, cluster_key: bytes) -> Credentials:
    """Read what `sealed` made.

    Raises:
        StoredValueError: this release cannot read it.
        AuthorityError: it was sealed with another key, or is damaged.
    """
    document = Document.read("the cluster's authority", stored)
    certificate = document.text("certificate").encode()
    try:
        data = b64decode(document.text("key"), validate=True)
        nonce, secret = data[:_NONCE_BYTES], data[_NONCE_BYTES:]
        return Credentials(_cipher(cluster_key).decrypt(nonce, secret, certificate), certificate)
    except (InvalidTag, ValueError):
        raise AuthorityError(
            "The authority's key cannot be unsealed: this node's cluster.key is not the one it was"
            " sealed with. Compare the file with another node's."
        ) from None


async def keep_in_store(store: Store, authority: Credentials, cluster_key: bytes) -> None:
    """Put the authority into the store, unless it is there.

    Raises:
        StoreError: the store does not answer.
    """
    put = Put(keys.AUTHORITY, sealed(authority, cluster_key))
    await store.transact(Transaction((absent(keys.AUTHORITY),), (put,)))


async def authority_of(store: Store, cluster_key: bytes) -> Authority:
    """Whoever signs.

    Raises:
        StoreError: the store does not answer.
        StoredValueError: this release cannot read what stands there.
        AuthorityError: it is not there, or cannot be unsealed.
    """
    found = await store.get(keys.AUTHORITY)
    if found is None:
        raise AuthorityError(
            "The key of the cluster's authority is not in the store, so nobody can be let in. Start"
            " the node that made the cluster: it puts it there."
        )
    return Authority(unsealed(found.value, cluster_key))


def _cipher(cluster_key: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt=None, info=_CONTEXT).derive(cluster_key))
