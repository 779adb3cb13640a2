"""One request and its answer: numbering, deadlines and the proof of who we are."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tandem.media.rtsp.auth import Authenticator, parse_challenges, strongest
from tandem.media.rtsp.errors import Cause, RtspError
from tandem.media.rtsp.events import Send
from tandem.media.rtsp.message import Headers, Request, Response
from tandem.media.rtsp.url import Credentials, quote

_MAX_STALE_RETRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Pending:
    """A request that waits for its answer.

    Attributes:
        method: of the request.
        url: of its request line.
        headers: without those that `Exchange` adds.
        sequence: its CSeq.
        sent_us: when it was sent.
        deadline_us: when to wait no longer.
        proofs: how many challenges were already answered for its sake.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    sequence: int
    sent_us: int
    deadline_us: int
    proofs: int = 0


class Exchange:
    """Sends requests one at a time, and finds the answer to each.

    Args:
        user_agent: how we introduce ourselves.
        client_nonce: see `Authenticator`.

    Attributes:
        pending: the request that waits for its answer.
        stray_answers: how many answers came that nobody waited for; only grows.
    """

    def __init__(self, user_agent: str, client_nonce: str) -> None:
        self.pending: Pending | None = None
        self.stray_answers = 0
        self._user_agent = user_agent
        self._client_nonce = client_nonce
        self._sequence = 0
        self._abandoned: int | None = None
        self._authenticator: Authenticator | None = None

    def reset(self) -> None:
        """Begin anew on a new connection: forget what waits, and the camera's nonce."""
        self.pending = None
        self._authenticator = None

    def send(
        self,
        method: str,
        url: str,
        headers: Iterable[tuple[str, str]],
        *,
        now_us: int,
        timeout_us: int,
        proofs: int = 0,
    ) -> Send:
        """Send a request; one that still waits is given up.

        Args:
            method: as "DESCRIBE".
            url: absolute, without credentials.
            headers: besides CSeq, User-Agent and Authorization.
            now_us: the time.
            timeout_us: how long to wait for its answer.
            proofs: how many challenges were already answered for its sake.
        """
        self.abandon()
        self._sequence += 1
        headers = tuple(headers)
        self.pending = Pending(
            method, url, headers, self._sequence, now_us, now_us + timeout_us, proofs
        )
        fields = [("CSeq", str(self._sequence)), ("User-Agent", self._user_agent), *headers]
        if self._authenticator:
            fields.append(("Authorization", self._authenticator.authorise(method, url)))
        return Send(Request(method, url, Headers(fields)).to_bytes())

    def abandon(self) -> None:
        """Wait no longer; a late answer will not be taken for that of a later request."""
        if self.pending:
            self._abandoned = self.pending.sequence
            self.pending = None

    def settle(self, response: Response) -> Pending | None:
        """Find the request that this is the answer to.

        Some cameras send no CSeq, or that of the request before, so whatever comes answers what
        waits; only the answer to a request that was given up does not.

        Returns:
            The request, which waits no longer; None if nothing waited for this.
        """
        if 100 <= response.status < 200:  # an interim answer (RFC 2326 section 7.1.1)
            return None
        pending = self.pending
        is_late = (
            pending is not None
            and self._abandoned is not None
            and response.headers.get("CSeq") == str(self._abandoned)
        )
        if pending is None or is_late:
            self.stray_answers += 1
            return None
        self.pending = None
        return pending

    def prove(
        self, refused: Pending, response: Response, credentials: Credentials | None, now_us: int
    ) -> Send:
        """Answer a challenge by sending the request again.

        Each request is tried once with each nonce that the camera declares fresh, so a wrong
        password costs one attempt and locks no account.

        Args:
            refused: the request.
            response: its answer, of status 401.
            credentials: what we may prove to this host.
            now_us: the time.

        Raises:
            RtspError: there are no credentials, they are wrong, or the camera wants a proof that
                is not supported (`UNAUTHORISED`).
        """
        offered = response.headers.all("WWW-Authenticate")
        challenge = strongest(parse_challenges(offered))
        if credentials is None:
            raise RtspError(
                Cause.UNAUTHORISED,
                "The camera asks for a user name and a password; enter those of a user who may "
                "view live video.",
            )
        if challenge is None:
            raise RtspError(
                Cause.UNAUTHORISED,
                "The camera asks for a proof of identity that is not supported "
                f'("{quote(", ".join(offered))}"); set its RTSP authentication to digest.',
            )
        is_fresh = refused.proofs == 0 or (
            challenge.is_stale and refused.proofs <= _MAX_STALE_RETRIES
        )
        if not is_fresh:
            raise RtspError(
                Cause.UNAUTHORISED,
                f'The camera refuses the user name "{quote(credentials.username)}" or its '
                "password. Check both; many cameras lock a user for some minutes after a few "
                "attempts.",
            )
        self._authenticator = Authenticator(credentials, challenge, self._client_nonce)
        return self.send(
            refused.method,
            refused.url,
            refused.headers,
            now_us=now_us,
            timeout_us=refused.deadline_us - refused.sent_us,
            proofs=refused.proofs + 1,
        )
