"""The side of the server that joins: who it asks is proven before it says anything.

The authority's certificate is fetched first, and is the right one if its fingerprint is the
token's. Only to who shows a certificate of that authority the token's secret is told.
"""

import asyncio
import json
import secrets
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tandem.clock import Clock
from tandem.node.authority import AuthorityError, Credentials, create_key, fingerprint, public_key
from tandem.node.control.service import AGENT_PORT
from tandem.node.joining.application import VERSION, Application, ApplicationError
from tandem.node.joining.making import Wanted
from tandem.node.joining.reaching import answering, unreached
from tandem.node.joining.service import AUTHORITY_PATH, CHECK_PATH, JOIN_PATH, JOIN_PORT
from tandem.node.joining.token import Token
from tandem.node.secret_file import write_secret
from tandem.node.settings import PeerSettings

ANSWER_S: Final = 30.0
CONNECT_S: Final = 3.0
_LARGEST_ANSWER_BYTES: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class Admission:
    """What a cluster gives to a server that it lets in.

    Attributes:
        heartbeat_port: of all nodes.
        peers: the nodes.
        authority: the certificate of its authority.
        credentials: this server's key and certificate.
        cluster_key: the cluster's secret.
    """

    heartbeat_port: int
    peers: tuple[PeerSettings, ...]
    authority: bytes
    credentials: Credentials
    cluster_key: bytes


async def join(wanted: Wanted, token: Token, release: str, clock: Clock) -> Admission:
    """Ask a cluster to be let in.

    Args:
        wanted: what this server is to be.
        token: of the invitation.
        release: of Tandem here.
        clock: of this machine.

    Raises:
        ApplicationError: it is not let in, or nobody answers.
        OSError: the key cannot be kept, or a port is taken.
    """
    key = await asyncio.to_thread(_key_of, wanted.data)
    echo = secrets.token_hex(16)
    links = {link.name: link.address for link in wanted.links}
    application = Application(
        wanted.node_id, links, _request(wanted.node_id, key), release, clock.utc_us(), echo
    )
    asked = {
        **application.encode(),
        "invitation": token.invitation_id,
        "secret": token.secret,
    }
    address, authority = await _find_authority(token)
    async with answering(links, AGENT_PORT, echo):
        found = await _ask(address, authority, CHECK_PATH, asked)
        await _reach(links, found)
        answer = await _ask(address, authority, JOIN_PATH, asked)
    try:
        certificate = str(answer["certificate"]).encode()
        _check_own(certificate, key)
        return Admission(
            int(answer["heartbeat_port"]),
            _peers(answer["nodes"]),
            authority,
            Credentials(key, certificate),
            bytes.fromhex(answer["cluster_key"]),
        )
    except (KeyError, ValueError, TypeError, AuthorityError) as error:
        raise ApplicationError(f"The cluster's answer cannot be used: {error!r}.") from error


def _key_of(data: Path) -> bytes:
    """This server's key, the same one after an interruption: the invitation is bound to it."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = data / "joining.key"
    if not kept.exists():
        write_secret(kept, create_key())
    return kept.read_bytes()


def forget_key(data: Path) -> None:
    """Once the node has its certificate, the key is with that. Blocks."""
    (data / "joining.key").unlink(missing_ok=True)


def _request(node_id: str, key: bytes) -> str:
    """A certificate signing request (PKCS #10, RFC 2986)."""
    private = serialization.load_pem_private_key(key, None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise ApplicationError("This server's key is damaged. Remove joining.key, and try again.")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, node_id)])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject)
    signed = made.sign(private, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def _check_own(certificate: bytes, key: bytes) -> None:
    shown = x509.load_pem_x509_certificate(certificate).public_key()
    encoded = shown.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    if encoded != public_key(key):
        raise ValueError("the certificate is for another key")


async def _find_authority(token: Token) -> tuple[str, bytes]:
    """An address that answers, and the certificate that the token speaks of."""
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE  # what comes is public, and judged by its fingerprint
    failures = []
    for address in token.addresses:
        try:
            answer = await _exchange(address, anybody, "GET", AUTHORITY_PATH, None)
            certificate = str(answer["certificate"]).encode()
            if fingerprint(certificate) == token.authority_sha256:
                return address, certificate
        except (OSError, aiohttp.ClientError, TimeoutError) as error:
            failures.append(f"{address}: {str(error) or 'no answer in time'}")
        except (KeyError, AuthorityError, ValueError):
            failures.append(f"{address}: no node of Tandem answers there")
        else:
            failures.append(f"{address}: a node of another cluster answers there")
    raise ApplicationError(
        f"No node of cluster {token.cluster} answers on TCP port {JOIN_PORT}"
        f" ({'; '.join(failures)}). Is the invitation older than an hour, or a firewall in the way?"
    )


async def _ask(
    address: str, authority: bytes, path: str, asked: Mapping[str, Any]
) -> dict[str, Any]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    tls.check_hostname = False  # any node of the cluster will do
    tls.load_verify_locations(cadata=authority.decode())
    try:
        return await _exchange(address, tls, "POST", path, asked)
    except TimeoutError:
        raise ApplicationError(
            f"The node at {address} did not answer in time. Run the command again."
        ) from None
    except (OSError, aiohttp.ClientError, ValueError) as error:
        raise ApplicationError(f"The node at {address} broke off: {error}.") from error


async def _exchange(
    address: str, tls: ssl.SSLContext, method: str, path: str, asked: Mapping[str, Any] | None
) -> dict[str, Any]:
    host = f"[{address}]" if ":" in address else address
    limit = aiohttp.ClientTimeout(total=ANSWER_S, sock_connect=CONNECT_S)
    async with (
        aiohttp.ClientSession(timeout=limit, cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.request(
            method,
            f"https://{host}:{JOIN_PORT}{path}",
            ssl=tls,
            json=asked,
            allow_redirects=False,
        ) as response,
    ):
        document = json.loads(await response.content.read(_LARGEST_ANSWER_BYTES))
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise ApplicationError("Both servers have to run the same release of Tandem.")
    if response.status != HTTPStatus.OK:
        raise ApplicationError(str(document.get("problem") or f"It says {response.status}."))
    return document


async def _reach(links: Mapping[str, str], found: Mapping[str, Any]) -> None:
    """Connect to every node that is there, on every link."""
    targets = {
        f"link {link}, from this server to node {peer.node_id}": (links[link], address)
        for peer in _peers(found.get("reach", ()))
        for link, address in peer.addresses.items()
        if link in links
    }
    if failures := await unreached(targets, AGENT_PORT):
        raise ApplicationError(
            f"{' '.join(failures)} Look at cables, addresses and firewalls of that network."
        )


def _peers(nodes: Any) -> tuple[PeerSettings, ...]:  # noqa: ANN401 - JSON
    return tuple(
        PeerSettings(str(it["node_id"]), {str(k): str(v) for k, v in it["links"].items()})
        for it in nodes
    )
