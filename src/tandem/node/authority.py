"""The cluster's own certificate authority: who belongs to the cluster, and who it is.

No other authority is trusted, and none of the system's. A node makes its own key, which never
leaves it; the authority signs its public half together with the node's id and link addresses.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tandem.clock import Clock

AUTHORITY_DAYS: Final = 20 * 365
NODE_DAYS: Final = 2 * 365
"""A node that was off for this long has to join anew."""

RENEWAL_DAYS: Final = NODE_DAYS // 3
"""A certificate is renewed when it has fewer days left: time to notice that renewing fails."""

VALID_FROM: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""For ever. A server whose battery died believes it is 1970 or 2000 until it reaches a time server,
and its cluster has to let it in before that."""

CLOCK_RIGHT_FROM: Final = datetime(2025, 1, 1, tzinfo=UTC)
"""A clock that says less is wrong, and what it signs would have ended when it is put right."""

_NODE_ID: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class AuthorityError(Exception):
    """A certificate or key cannot be made or used; the message is for the administrator."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A private key with its certificate, both as PEM.

    Attributes:
        key: PKCS #8, not encrypted: whoever reads it is the node.
        certificate: X.509.
    """

    key: bytes = field(repr=False)
    certificate: bytes

    @property
    def pem(self) -> bytes:
        """Both in one, as Python and etcd take them: replaced together or not at all."""
        return self.key + self.certificate


class Authority:
    """Signs certificates for the nodes of one cluster.

    Args:
        credentials: its own, as `create_authority` makes them.

    Raises:
        AuthorityError: key and certificate are damaged, or do not belong together.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._certificate = _certificate(credentials.certificate)
        self._key = _private_key(credentials.key)
        if self._certificate.public_key() != self._key.public_key():
            raise AuthorityError("The authority's key is not the one in its certificate.")

    def issue(
        self, node: str, addresses: tuple[str, ...], public_key: bytes, clock: Clock
    ) -> bytes:
        """Sign a node's certificate, for serving as well as for asking.

        Args:
            node: its id, which has the form of a DNS label: "recorder-1".
            addresses: of all its links.
            public_key: of the node, as `public_key` gives it.
            clock: says from when the validity counts.

        Returns:
            The certificate, as PEM.

        Raises:
            AuthorityError: the id, an address or the key is none; the clock is wrong by years.
        """
        if not _NODE_ID.fullmatch(node):
            raise AuthorityError(
                f"{node!r} cannot be a node's id: it takes lower-case letters, digits and hyphens, "
                f"63 at most."
            )
        names: list[x509.GeneralName] = [x509.DNSName(node)]
        try:
            names += [x509.IPAddress(ip_address(address)) for address in addresses]
            key = serialization.load_pem_public_key(public_key)
        except ValueError as error:
            raise AuthorityError(f"No certificate can be made for node {node}: {error}.") from error
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise AuthorityError(f"The key of node {node} is not one of an elliptic curve.")
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = (
            _builder(node, self._certificate.subject, key, clock, NODE_DAYS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        return _pem(builder.sign(self._key, hashes.SHA256()))


def create_authority(cluster: str, clock: Clock) -> Credentials:
    """Make the authority of a new cluster.

    Args:
        cluster: its name, for people who look at the certificate.
        clock: says from when the validity counts.

    Raises:
        AuthorityError: the clock is wrong by years.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    common_name = f"Tandem cluster {cluster}"[:64]  # RFC 5280, ub-common-name
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    certificate = (
        _builder(common_name, subject, key.public_key(), clock, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Credentials(_key_pem(key), _pem(certificate))


def create_key() -> bytes:
    """Make a node's private key (ECDSA on P-256), as PEM."""
    return _key_pem(ec.generate_private_key(ec.SECP256R1()))


def public_key(key: bytes) -> bytes:
    """The half of a private key that may be shown, as PEM.

    Raises:
        AuthorityError: the key is damaged.
    """
    return (
        _private_key(key)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def fingerprint(certificate: bytes) -> str:
    """What tells a certificate from every other: SHA-256 of its DER form, in hexadecimal.

    Raises:
        AuthorityError: the certificate is damaged.
    """
    return _certificate(certificate).fingerprint(hashes.SHA256()).hex()


def expires_utc_us(certificate: bytes) -> int:
    """Until when a certificate is valid.

    Raises:
        AuthorityError: the certificate is damaged.
    """
    return int(_certificate(certificate).not_valid_after_utc.timestamp()) * 1_000_000


def needs_renewal(certificate: bytes, addresses: tuple[str, ...], clock: Clock) -> bool:
    """Whether a node should ask for a new certificate: it ends soon, or its links have changed.

    Raises:
        AuthorityError: the certificate is damaged.
    """
    left_us = expires_utc_us(certificate) - clock.utc_us()
    if left_us < RENEWAL_DAYS * 86_400 * 1_000_000:
        return True
    extension = _certificate(certificate).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    named = set(extension.value.get_values_for_type(x509.IPAddress))
    return named != {ip_address(address) for address in addresses}


def _builder(
    name: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey, clock: Clock, days: int
) -> x509.CertificateBuilder:
    now = datetime.fromtimestamp(clock.utc_us() // 1_000_000, UTC)
    if now < CLOCK_RIGHT_FROM:
        raise AuthorityError(
            f"This node believes it is {now:%Y-%m-%d}, and signs nothing until its clock is right."
        )
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(VALID_FROM)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _certificate(pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise AuthorityError(f"A certificate is damaged: {error}.") from error


def _private_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise AuthorityError(f"A private key is damaged, or encrypted: {error}.") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise AuthorityError("A private key is not one of an elliptic curve.")
    return key


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
