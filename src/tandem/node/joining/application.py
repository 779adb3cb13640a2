"""A server that asks to be let in, and whether it can be. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tandem.cluster.model import Node

VERSION: Final = 1

CLOCK_TOLERANCE_US: Final = 60_000_000
"""As of the nodes among each other: beyond it nothing would be deleted for its age."""


class ApplicationError(Exception):
    """The server cannot be let in; the message is for its administrator."""


@dataclass(frozen=True, slots=True)
class Application:
    """What a server says of itself.

    Attributes:
        node_id: what it is to be called.
        links: its IP address on each link.
        request: a certificate signing request (PKCS #10, PEM), which shows that it has the key.
        release: of Tandem.
        utc_us: its clock.
        echo: what it says to whoever connects to it while it waits.
    """

    node_id: str
    links: Mapping[str, str]
    request: str
    release: str
    utc_us: int
    echo: str

    def encode(self) -> dict[str, Any]:
        """As sent."""
        return {
            "version": VERSION,
            "node_id": self.node_id,
            "links": dict(self.links),
            "request": self.request,
            "release": self.release,
            "utc_us": self.utc_us,
            "echo": self.echo,
        }

    @classmethod
    def decode(cls, text: bytes) -> tuple["Application", str, str]:
        """Read what was sent: the application, the invitation's id and its secret.

        Raises:
            ApplicationError: it is none.
        """
        try:
            fields = json.loads(text)
            if fields["version"] != VERSION:
                raise ApplicationError("Both servers have to run the same release of Tandem.")
            links = {str(name): str(ip_address(it)) for name, it in fields["links"].items()}
            application = cls(
                str(fields["node_id"]),
                links,
                str(fields["request"]),
                str(fields["release"]),
                int(fields["utc_us"]),
                str(fields["echo"]),
            )
            return application, str(fields["invitation"]), str(fields["secret"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ApplicationError(f"That is no application to join ({error!r}).") from None

    @property
    def public_key(self) -> bytes:
        """The key that a certificate is asked for, as PEM.

        Raises:
            ApplicationError: who asks does not have it.
        """
        try:
            request = x509.load_pem_x509_csr(self.request.encode())
        except ValueError:
            raise ApplicationError("The certificate signing request is damaged.") from None
        if not request.is_signature_valid:
            raise ApplicationError("The certificate signing request is not signed by its own key.")
        return request.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


def check(
    application: Application,
    own: Mapping[str, str],
    nodes: Mapping[str, Node],
    removed: Mapping[str, object],
    release: str,
    utc_us: int,
) -> None:
    """Whether a server can be let in, by all that can be said without asking anybody.

    Args:
        application: of the server.
        own: the answering node's address on each link.
        nodes: of the cluster.
        removed: nodes that were taken out.
        release: of the answering node.
        utc_us: its clock.

    Raises:
        ApplicationError: it cannot.
    """
    name = application.node_id
    if application.release != release:
        raise ApplicationError(
            f"This server has release {application.release} of Tandem, and the cluster {release}."
            " Install the cluster's."
        )
    if abs(application.utc_us - utc_us) > CLOCK_TOLERANCE_US:
        raise ApplicationError(
            f"This server's clock is {abs(application.utc_us - utc_us) // 1_000_000} s"
            f" {'ahead of' if application.utc_us > utc_us else 'behind'} the cluster's. Let"
            " chrony or systemd-timesyncd set it (`timedatectl`), and join then."
        )
    if name in nodes:
        raise ApplicationError(
            f"The cluster has a node '{name}' already. Choose another name by --node."
        )
    if name in removed:
        raise ApplicationError(
            f"A node '{name}' was removed from the cluster, and recordings carry its name. Choose"
            " another one by --node."
        )
    if application.links.keys() != own.keys():
        needed = " ".join(f"--link {link}=ADDRESS" for link in own)
        raise ApplicationError(
            f"The cluster's links are {', '.join(own)}. Give this server's address on each:"
            f" {needed}"
        )
    taken = {link.address: it.node_id for it in nodes.values() for link in it.links}
    for link, address in application.links.items():
        if address in taken:
            raise ApplicationError(f"{address} (link {link}) is node {taken[address]}'s address.")
        if ip_address(address).version != ip_address(own[link]).version:
            raise ApplicationError(
                f"Link {link} is IPv{ip_address(own[link]).version}, and {address} is not."
            )
