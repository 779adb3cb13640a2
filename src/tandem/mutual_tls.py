"""TLS by which both sides show a certificate of one authority, or nothing is said."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class TlsError(Exception):
    """A certificate or key cannot be used; the message is for the administrator."""


def client_context(authority: Path, credentials: Path) -> ssl.SSLContext:
    """For asking: shows our certificate, and demands the server's, for the name that was asked for.

    Args:
        authority: file with the certificate of the cluster's authority.
        credentials: file with this node's key and certificate.

    Raises:
        TlsError: a file is missing or damaged.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # an etcd that the user runs may be an old one
    return _loaded(context, authority, credentials)


def server_context(authority: Path, credentials: Path) -> ssl.SSLContext:
    """For serving: shows our certificate, and demands the client's.

    Args:
        authority: file with the certificate of the cluster's authority.
        credentials: file with this node's key and certificate.

    Raises:
        TlsError: a file is missing or damaged.
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
        TlsError: the peer showed no certificate, or none of a node.
    """
    names = [name for kind, name in (certificate or {}).get("subjectAltName", ()) if kind == "DNS"]
    if len(names) != 1:
        raise TlsError("A peer does not show the certificate of a node.")
    return str(names[0])


def _loaded(context: ssl.SSLContext, authority: Path, credentials: Path) -> ssl.SSLContext:
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    try:
        context.load_verify_locations(authority)
    except OSError as error:  # ssl.SSLError is one
        raise TlsError(
            f"The authority's certificate in {authority} cannot be used: {error.strerror or error}."
        ) from error
    try:
        context.load_cert_chain(credentials)
    except OSError as error:
        raise TlsError(
            f"This node's key and certificate in {credentials} cannot be used: "
            f"{error.strerror or error}."
        ) from error
    return context
