"""Letting a server in: invitations made and used up, certificates signed. By any node."""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tandem.clock import Clock
from tandem.cluster import keys
from tandem.cluster.joining import Invitation
from tandem.cluster.model import Node
from tandem.node.joining.application import Application, ApplicationError, check
from tandem.node.joining.reaching import unreached
from tandem.node.joining.signing import authority_of
from tandem.node.joining.token import Token
from tandem.node.settings import NodeSettings
from tandem.node.store.model import Delete, Put, Transaction, absent, unchanged
from tandem.node.store.protocol import Store

INVITATION_S: Final = 3600
_ID_BYTES: Final = 6
_SECRET_BYTES: Final = 24
_MOST_ADDRESSES: Final = 8

_USED: Final = "This invitation was used already. Make another one: tandem node invite"
_OVER: Final = (
    "This invitation is over, or none of this cluster's. Make another: tandem node invite"
)


@dataclass(frozen=True, slots=True)
class Members:
    """What the inviting node knows of the cluster.

    Attributes:
        nodes: by id, this one among them.
        removed: nodes that were taken out.
        reached: the other nodes that are there.
        invitations: by id.
    """

    nodes: Mapping[str, Node] = field(default_factory=dict)
    removed: Mapping[str, object] = field(default_factory=dict)
    reached: frozenset[str] = frozenset()
    invitations: Mapping[str, Invitation] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Inviter:
    """Lets servers in.

    Attributes:
        settings: of this node.
        store: of the cluster.
        cluster_key: its secret.
        authority_sha256: the fingerprint of its authority.
        release: of this node.
        members: tells who there is.
        clock: of this node.
        port: where the other server answers while it waits.
    """

    settings: NodeSettings
    store: Store
    cluster_key: bytes = field(repr=False)
    authority_sha256: str
    release: str
    members: Callable[[], Members]
    clock: Clock
    port: int

    @property
    def is_open(self) -> bool:
        """Whether any server may join now."""
        now_us = self.clock.utc_us()
        return any(it.expires_utc_us > now_us for it in self.members().invitations.values())

    async def invite(self) -> Token:
        """Make an invitation for one server, for an hour.

        Raises:
            StoreError: the store does not answer.
            AuthorityError: nobody could sign for it.
        """
        await authority_of(self.store, self.cluster_key)
        name, secret = secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
        now_us, members = self.clock.utc_us(), self.members()
        made = Invitation(_sha256(secret.encode()), now_us + INVITATION_S * 1_000_000)
        over = [it for it, one in members.invitations.items() if one.expires_utc_us < now_us]
        key = keys.key(keys.INVITATIONS, name)
        forget = tuple(Delete(keys.key(keys.INVITATIONS, it)) for it in over[:50])
        await self.store.transact(Transaction((absent(key),), (Put(key, made.encode()), *forget)))
        own = [link.address for link in self.settings.links]
        others = [
            link.address
            for node_id in sorted(members.reached)
            if node_id in members.nodes
            for link in members.nodes[node_id].links
        ]
        addresses = tuple([*own, *others][:_MOST_ADDRESSES])
        return Token(self.settings.cluster, self.authority_sha256, name, secret, addresses)

    async def look(
        self, application: Application, invitation_id: str, secret: str
    ) -> dict[str, Any]:
        """Whether a server can be let in; nothing is changed.

        Returns:
            Whom it has to reach as well.

        Raises:
            ApplicationError: it cannot.
            StoreError: the store does not answer.
        """
        await self._invited(application, invitation_id, secret)
        return {"reach": self._nodes(self.members().reached | {self.settings.node_id})}

    async def admit(
        self, application: Application, invitation_id: str, secret: str
    ) -> dict[str, Any]:
        """Let a server in: sign its certificate, and use the invitation up.

        Returns:
            All that it needs to be a node.

        Raises:
            ApplicationError: it cannot be let in.
            StoreError: the store does not answer.
            AuthorityError: it cannot be signed for.
        """
        invitation, revision = await self._invited(application, invitation_id, secret)
        name, key = application.node_id, application.public_key
        authority = await authority_of(self.store, self.cluster_key)
        certificate = authority.issue(name, tuple(application.links.values()), key, self.clock)
        used = replace(invitation, node_id=name, key_sha256=_sha256(key))
        place = keys.key(keys.INVITATIONS, invitation_id)
        outcome = await self.store.transact(
            Transaction(
                (
                    unchanged(place, revision),
                    absent(keys.key(keys.NODES, name)),
                    absent(keys.key(keys.REMOVED, name)),
                ),
                (Put(place, used.encode()),),
            )
        )
        if not outcome.succeeded:
            raise ApplicationError("Something has changed meanwhile. Run the command again.")
        return {
            "certificate": certificate.decode(),
            "cluster_key": self.cluster_key.hex(),
            "heartbeat_port": self.settings.heartbeat_port,
            "nodes": self._nodes(self.members().nodes),
        }

    async def _invited(
        self, application: Application, invitation_id: str, secret: str
    ) -> tuple[Invitation, int]:
        """The invitation, if this server may use it and would be a good node."""
        found = await self.store.get(keys.key(keys.INVITATIONS, invitation_id))
        if found is None:
            raise ApplicationError(_OVER)
        invitation = Invitation.decode(invitation_id, found.value)
        is_right = hmac.compare_digest(invitation.secret_sha256, _sha256(secret.encode()))
        if not is_right or invitation.expires_utc_us <= self.clock.utc_us():
            raise ApplicationError(_OVER)
        user = (application.node_id, _sha256(application.public_key))
        if invitation.node_id and (invitation.node_id, invitation.key_sha256) != user:
            raise ApplicationError(_USED)
        members = self.members()
        if any(
            it.node_id == application.node_id and it.key_sha256 != user[1]
            for it in members.invitations.values()
        ):
            raise ApplicationError(
                f"Another server is joining as '{application.node_id}'. Choose another --node."
            )
        own = {link.name: link.address for link in self.settings.links}
        check(
            application,
            own,
            members.nodes,
            members.removed,
            self.release,
            self.clock.utc_us(),
        )
        targets = {
            f"link {link}, from node {self.settings.node_id} to this server": (own[link], address)
            for link, address in application.links.items()
        }
        if failures := await unreached(targets, self.port, application.echo):
            raise ApplicationError(
                f"{' '.join(failures)} Look at cables, addresses and firewalls of that network."
            )
        return invitation, found.mod_revision

    def _nodes(self, wanted: Mapping[str, object] | frozenset[str]) -> list[dict[str, Any]]:
        nodes = self.members().nodes
        return [
            {"node_id": name, "links": {link.name: link.address for link in nodes[name].links}}
            for name in sorted(wanted)
            if name in nodes
        ]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
