"""TLS between nodes: both sides show a certificate of the cluster's authority, or nothing is said.

Whom a client talks to is checked by the usual means: it asks for the node's id as a server name. A
server asks `peer_node` who its client is.
"""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tandem import mutual_tls
from tandem.node.authority import AuthorityError

_EXPIRED: Final = 10
"""X509_V_ERR_CERT_HAS_EXPIRED of openssl-verification-options(1)."""


def client_context(authority: Path, credentials: Path) -> ssl.SSLContext:
    """For asking; as `mutual_tls.client_context`.

    Args:
        authority: file with the certificate of the cluster's authority.
        credentials: file with this node's key and certificate (`Credentials.pem`).

    Raises:
        AuthorityError: a file is missing or damaged.
    """
    try:
        return mutual_tls.client_context(authority, credentials)
    except mutual_tls.TlsError as error:
        raise AuthorityError(str(error)) from error


def server_context(authority: Path, credentials: Path) -> ssl.SSLContext:
    """For serving; as `mutual_tls.server_context`.

    Args:
        authority: file with the certificate of the cluster's authority.
        credentials: file with this node's key and certificate (`Credentials.pem`).

    Raises:
        AuthorityError: a file is missing or damaged.
    """
    try:
        return mutual_tls.server_context(authority, credentials)
    except mutual_tls.TlsError as error:
        raise AuthorityError(str(error)) from error


def peer_node(certificate: Mapping[str, Any] | None) -> str:
    """Which node a verified peer is; as `mutual_tls.peer_node`.

    Args:
        certificate: as `ssl.SSLObject.getpeercert` gives it.

    Raises:
        AuthorityError: the peer showed no certificate, or none of a node.
    """
    try:
        return mutual_tls.peer_node(certificate)
    except mutual_tls.TlsError as error:
        raise AuthorityError(str(error)) from error


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


def has_ended(error: BaseException | None) -> bool:
    """Whether a peer was refused since its certificate is over: most often a clock is wrong.

    Args:
        error: of a handshake, if it was one.
    """
    return isinstance(error, ssl.SSLCertVerificationError) and error.verify_code == _EXPIRED
