"""TLS between nodes: both sides show a certificate of the cluster's authority, or nothing is said.

Whom a client talks to is checked by the usual means: it asks for the node's id as a server name. A
server asks `peer_node` who its client is.
"""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tandem.node.authority import AuthorityError


def client_context(authority: Path, credentials: Path) -> ssl.SSLContext:
    """For asking: shows our certificate, and demands the server's, for the name that was asked for.

    Args:
        authority: file with the certificate of the cluster's authority.
        credentials: file with this node's key and certificate (`Credentials.pem`).

    Raises:
        AuthorityError: a file is missing or damaged.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # an etcd that the user runs may be an old one
    return _loaded(context, authority, credentials)


def server_context(authority: Path, credentials: Path) -> ssl.SSLContext:
    """For serving: shows our certificate, and demands the client's.

    Args:
        authority: file with the certificate of the cluster's authority.
        credentials: file with this node's key and certificate (`Credentials.pem`).

    Raises:
        AuthorityError: a file is missing or damaged.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    return _loaded(context, authority, credentials)


def peer_node(certificate: Mapping[str, Any] | None) -> str:
    """Which node a verified peer is.

    Args:
        certificate: as `ssl.SSLObject.getpeercert` gives it.

    Raises:
        AuthorityError: the peer showed no certificate, or none of a node.
    """
    names = [name for kind, name in (certificate or {}).get("subjectAltName", ()) if kind == "DNS"]
    if len(names) != 1:
        raise AuthorityError("A peer does not show the certificate of a node.")
    return str(names[0])


def require_node(certificate: Mapping[str, Any] | None, node: str) -> None:
    """Refuse a peer that is another node than the one expected.

    Args:
        certificate: as `ssl.SSLObject.getpeercert` gives it.
        node: who it has to be.

    Raises:
        AuthorityError: it is somebody else.
    """
    if (actual := peer_node(certificate)) != node:
        raise AuthorityError(f"Node {actual} answers where node {node} was expected.")


def _loaded(context: ssl.SSLContext, authority: Path, credentials: Path) -> ssl.SSLContext:
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    try:
        context.load_verify_locations(authority)
    except OSError as error:  # ssl.SSLError is one
        raise AuthorityError(
            f"The authority's certificate in {authority} cannot be used: {error}."
        ) from error
    try:
        context.load_cert_chain(credentials)
    except OSError as error:
        raise AuthorityError(
            f"This node's key and certificate in {credentials} cannot be used: {error}."
        ) from error
    return context
