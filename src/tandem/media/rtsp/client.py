"""The client's side of a session, from OPTIONS to TEARDOWN (RFC 2326 section 10, appendix A.1).

The shell carries bytes and time: it connects, calls `start`, gives every message and the time to
the client and does, in order, what the returned events ask. Nothing waits and nothing repeats
without bound. When a session fails the shell decides when to try again, with a new client.
"""

import enum
from collections.abc import Callable, Sequence
from typing import Final

from tandem.media.rtsp.errors import Cause, RtspError
from tandem.media.rtsp.events import (
    Ended,
    Event,
    Failed,
    Playing,
    Redirected,
    Send,
    TracksReady,
)
from tandem.media.rtsp.exchange import Exchange, Pending
from tandem.media.rtsp.message import Headers, Message, Request, Response
from tandem.media.rtsp.negotiation import Negotiation
from tandem.media.rtsp.refusal import refusal
from tandem.media.rtsp.selection import select
from tandem.media.rtsp.session import CameraSession
from tandem.media.rtsp.transport import (
    DEFAULT_SESSION_TIMEOUT_S,
    LowerTransport,
    parse_rtp_info,
    parse_session,
)
from tandem.media.rtsp.url import CameraUrl, base_url, control_url, redirect_target
from tandem.media.sdp import SessionDescription, parse

RESPONSE_TIMEOUT_US: Final = 10_000_000
_MAX_REDIRECTS: Final = 5
_MAX_SERVED: Final = 256  # requests of the camera between two of its answers
_MIN_KEEP_ALIVE_US: Final = 1_000_000
_MAX_KEEP_ALIVE_US: Final = 30_000_000
_REDIRECTS: Final = frozenset({301, 302, 303, 305, 307})
_SERVED_METHODS: Final = ("OPTIONS", "ANNOUNCE", "GET_PARAMETER", "SET_PARAMETER", "REDIRECT")


class _Step(enum.Enum):
    NEW = enum.auto()
    PREPARING = enum.auto()  # from OPTIONS to PLAY; the pending request says how far
    PLAYING = enum.auto()
    CLOSING = enum.auto()
    ENDED = enum.auto()


class RtspClient:
    """One session with one camera.

    Args:
        url: of the stream, with the credentials to use.
        client_nonce: random, fresh for this client, of letters and digits (for Digest).
        transports: in the order of preference.
        udp_ports: pairs of our ports, for RTP and RTCP, one pair a track; needed for UDP.
        with_audio: whether to record sound too.
        user_agent: how we introduce ourselves.
        only_ends: a session that somebody else left open; it is ended, and nothing else done.

    Attributes:
        unanswered_keep_alives: how many the camera ignored while its packets flowed; only grows.
    """

    def __init__(
        self,
        url: CameraUrl,
        *,
        client_nonce: str,
        transports: Sequence[LowerTransport] = (LowerTransport.TCP,),
        udp_ports: Sequence[tuple[int, int]] = (),
        with_audio: bool = True,
        user_agent: str = "Tandem",
        only_ends: CameraSession | None = None,
    ) -> None:
        if not transports:
            raise ValueError("at least one transport is needed")
        if LowerTransport.UDP in transports and len(udp_ports) < 1 + with_audio:
            raise ValueError("UDP needs a pair of ports for each track")
        self.unanswered_keep_alives = 0
        self._origin = url
        self._url = url
        self._transports = tuple(transports)
        self._udp_ports = tuple(udp_ports)
        self._with_audio = with_audio
        self._only_ends = only_ends
        self._exchange = Exchange(user_agent, client_nonce)
        self._redirects = 0
        self._served = 0
        self._handlers: dict[str, Callable[[Pending, Response, int], list[Event]]] = {
            "OPTIONS": self._after_options,
            "DESCRIBE": self._after_describe,
            "SETUP": self._after_setup,
            "PLAY": self._after_play,
        }
        self._step = _Step.NEW
        self._begin()

    def _begin(self) -> None:
        """Forget all that belongs to one connection."""
        self._exchange.reset()
        self._keep_alive_method = "OPTIONS"
        self._keep_alive_us = _MAX_KEEP_ALIVE_US
        self._next_keep_alive_us = 0
        self._session_id: str | None = None
        self._session_timeout_s = DEFAULT_SESSION_TIMEOUT_S
        self._aggregate = self._url.text
        self._description = SessionDescription((), None)
        self._negotiation: Negotiation | None = None

    @property
    def url(self) -> CameraUrl:
        """Whom we ask: as given, or where a redirect led."""
        return self._url

    @property
    def session(self) -> CameraSession | None:
        """What the camera gave us; None before it did."""
        if self._session_id is None:
            return None
        return CameraSession(self._aggregate, self._session_id, self._session_timeout_s)

    @property
    def stray_answers(self) -> int:
        """How many answers came that nobody waited for; only grows."""
        return self._exchange.stray_answers

    @property
    def next_tick_us(self) -> int | None:
        """When `tick` has something to do at the latest; None while it has nothing."""
        if self._step is _Step.ENDED:
            return None
        if self._exchange.pending:
            return self._exchange.pending.deadline_us
        return self._next_keep_alive_us if self._step is _Step.PLAYING else None

    def start(self, now_us: int) -> list[Event]:
        """Begin on a connection just opened: the first one, or that after a redirect.

        Args:
            now_us: CLOCK_BOOTTIME; the same clock for every call.

        Returns:
            What to do; nothing if the session was ended before the connection was there.
        """
        if self._step is not _Step.NEW:
            return []
        self._begin()
        if self._only_ends is not None:
            self._session_id, self._aggregate = self._only_ends.id, self._only_ends.url
            return self.close(now_us)
        self._step = _Step.PREPARING
        return [self._send("OPTIONS", self._url.text, now_us)]

    def receive(self, message: Message, now_us: int) -> list[Event]:
        """Take one message of the camera.

        Args:
            message: from `InterleavedReader.received`.
            now_us: as for `start`.
        """
        if self._step is _Step.ENDED:
            return []
        try:
            if isinstance(message, Request):
                return self._serve(message, now_us)
            return self._take_answer(message, now_us)
        except RtspError as error:
            return self.fail(error, now_us)

    def tick(self, now_us: int, last_packet_us: int | None = None) -> list[Event]:
        """Let time pass: keep the session alive, and notice a camera that fell silent.

        Args:
            now_us: as for `start`.
            last_packet_us: when the last RTP packet came. Some cameras never answer a keep-alive
                and yet send: their recording goes on.
        """
        pending = self._exchange.pending
        if self._step is _Step.ENDED:
            return []
        if pending and now_us >= pending.deadline_us:
            return self._give_up(pending, now_us, last_packet_us)
        if self._step is _Step.PLAYING and not pending and now_us >= self._next_keep_alive_us:
            return [self._send_keep_alive(now_us)]
        return []

    def close(self, now_us: int) -> list[Event]:
        """End the session in good order, so that the camera has one to give again."""
        if self._step in {_Step.CLOSING, _Step.ENDED}:
            return []
        if self._session_id is None:
            self._step = _Step.ENDED
            return [Ended()]
        self._step = _Step.CLOSING
        return [self._send("TEARDOWN", self._aggregate, now_us)]

    def fail(self, error: RtspError, now_us: int) -> list[Event]:
        """End the session because of `error`, be it the client's or the reader's.

        A session that the camera still has is given back, without waiting for the answer: cameras
        have few, and some keep one that was left open for ever.
        """
        if self._step is _Step.ENDED:
            return []
        is_closing, is_lost = self._step is _Step.CLOSING, error.cause is Cause.SESSION_LOST
        events: list[Event] = []
        if self._session_id and not is_closing and not is_lost:
            events.append(self._send("TEARDOWN", self._aggregate, now_us))
        self._step = _Step.ENDED
        return [*events, Ended() if is_closing else Failed(error)]

    def _send(self, method: str, url: str, now_us: int, *headers: tuple[str, str]) -> Send:
        session = [("Session", self._session_id)] if self._session_id else []
        is_keep_alive = self._step is _Step.PLAYING
        longest_us = self._keep_alive_us if is_keep_alive else RESPONSE_TIMEOUT_US
        timeout_us = min(RESPONSE_TIMEOUT_US, longest_us)
        self._next_keep_alive_us = now_us + self._keep_alive_us
        return self._exchange.send(
            method, url, [*session, *headers], now_us=now_us, timeout_us=timeout_us
        )

    def _send_keep_alive(self, now_us: int) -> Send:
        return self._send(self._keep_alive_method, self._aggregate, now_us)

    def _give_up(self, pending: Pending, now_us: int, last_packet_us: int | None) -> list[Event]:
        if self._step is _Step.CLOSING:
            self._step = _Step.ENDED
            return [Ended()]
        is_flowing = last_packet_us is not None and last_packet_us > pending.sent_us
        if self._step is _Step.PLAYING and is_flowing:
            self.unanswered_keep_alives += 1
            self._keep_alive_method = "OPTIONS"
            return [self._send_keep_alive(now_us)]
        waited_s = (now_us - pending.sent_us) / 1_000_000
        error = RtspError(
            Cause.SILENT,
            f"The camera did not answer {pending.method} within {waited_s:.0f} s. Check that it "
            "runs and that the network between carries its packets.",
        )
        return self.fail(error, now_us)

    def _take_answer(self, response: Response, now_us: int) -> list[Event]:
        pending = self._exchange.settle(response)
        if pending is None:
            return []
        self._served = 0
        if response.status == 401 and self._origin.credentials and not self._url.credentials:
            raise self._withheld()
        if response.status == 401:
            return [self._exchange.prove(pending, response, self._url.credentials, now_us)]
        if self._step is _Step.CLOSING:
            self._step = _Step.ENDED
            return [Ended()]
        location = response.headers.get("Location")
        if response.status in _REDIRECTS and location:
            return self._redirect(location, now_us)
        if response.is_success:
            self._note_session(response)
        if self._step is _Step.PLAYING:
            return self._after_keep_alive(pending, response, now_us)
        return self._handlers[pending.method](pending, response, now_us)

    def _note_session(self, response: Response) -> None:
        """Keep the first session id there is: later ones (Hikvision, H264DVR) mean nothing."""
        session = parse_session(response.headers.get("Session") or "")
        if session is None:
            return
        if self._session_id is None or session.timeout_s is not None:
            self._session_timeout_s = session.timeout_s or DEFAULT_SESSION_TIMEOUT_S
            half_us = self._session_timeout_s * 500_000
            self._keep_alive_us = min(max(half_us, _MIN_KEEP_ALIVE_US), _MAX_KEEP_ALIVE_US)
        self._session_id = self._session_id or session.id

    def _after_options(self, _pending: Pending, response: Response, now_us: int) -> list[Event]:
        """Whatever the answer: some cameras refuse OPTIONS and serve the rest."""
        offered = ",".join(response.headers.all("Public")).upper().split(",")
        if "GET_PARAMETER" in {method.strip() for method in offered}:
            self._keep_alive_method = "GET_PARAMETER"
        accept = ("Accept", "application/sdp")
        return [self._send("DESCRIBE", self._url.text, now_us, accept)]

    def _after_describe(self, pending: Pending, response: Response, now_us: int) -> list[Event]:
        if not response.is_success:
            raise refusal(pending.method, response)
        if not response.body.strip():
            raise RtspError(
                Cause.PROTOCOL,
                "The camera answered DESCRIBE without a description of its stream; restart the "
                "camera or update its firmware.",
            )
        headers = response.headers
        base = base_url(pending.url, headers.get("Content-Base"), headers.get("Content-Location"))
        self._description = parse(response.body)
        self._aggregate = control_url(base, self._description.control)
        wanted = select(self._description, with_audio=self._with_audio)
        self._negotiation = Negotiation(
            wanted,
            [control_url(base, one.control) if one.control else self._aggregate for one in wanted],
            transports=self._transports,
            udp_ports=self._udp_ports,
            host=self._url.host,
        )
        return self._set_up_next(self._negotiation, now_us)

    def _after_setup(self, _pending: Pending, response: Response, now_us: int) -> list[Event]:
        if self._negotiation is None:
            return []
        self._negotiation.take(response)
        return self._set_up_next(self._negotiation, now_us)

    def _set_up_next(self, negotiation: Negotiation, now_us: int) -> list[Event]:
        request = negotiation.next_request()
        if request:
            url, offer = request
            return [self._send("SETUP", url, now_us, ("Transport", offer))]
        chosen = [track.media for track in negotiation.tracks]
        left_out = tuple(
            media for media in self._description.media if not any(media is one for one in chosen)
        )
        play = self._send("PLAY", self._aggregate, now_us, ("Range", "npt=0.000-"))
        return [TracksReady(tuple(negotiation.tracks), left_out), play]

    def _after_play(self, pending: Pending, response: Response, now_us: int) -> list[Event]:
        if not response.is_success:
            raise refusal(pending.method, response)
        self._step = _Step.PLAYING
        self._redirects = 0
        self._next_keep_alive_us = now_us + self._keep_alive_us
        return [Playing(parse_rtp_info(response.headers.get("RTP-Info") or ""))]

    def _after_keep_alive(self, pending: Pending, response: Response, now_us: int) -> list[Event]:
        if response.status == 454:
            raise refusal(pending.method, response)
        if not response.is_success and pending.method != "OPTIONS":
            self._keep_alive_method = "OPTIONS"  # offered, and yet refused
            return [self._send_keep_alive(now_us)]
        return []

    def _redirect(self, location: str, now_us: int) -> list[Event]:
        self._redirects += 1
        if self._redirects > _MAX_REDIRECTS:
            raise RtspError(
                Cause.REDIRECT_LOOP,
                f"The camera redirected {_MAX_REDIRECTS} times and still gives no stream; enter "
                "the URL of the stream itself.",
            )
        events: list[Event] = []
        if self._session_id:
            events.append(self._send("TEARDOWN", self._aggregate, now_us))
        self._url = redirect_target(self._url, location)
        self._step = _Step.NEW
        self._exchange.reset()
        return [*events, Redirected(self._url)]

    def _withheld(self) -> RtspError:
        return RtspError(
            Cause.UNAUTHORISED,
            f"The camera at {self._origin.host} redirected to {self._url}, which asks for a "
            "password; a password is not passed on to another host. If that host is right, enter "
            "its URL for this camera.",
        )

    def _serve(self, request: Request, now_us: int) -> list[Event]:
        """Answer a request of the camera (RFC 2326 section 10)."""
        self._served += 1
        if self._served > _MAX_SERVED:
            raise RtspError(
                Cause.PROTOCOL,
                f"The camera sent {self._served} requests where it should send video; restart the "
                "camera or update its firmware.",
            )
        headers = [("CSeq", request.headers.get("CSeq") or "0")]
        if request.method == "OPTIONS":
            headers.append(("Public", ", ".join(_SERVED_METHODS)))
        is_known = request.method in {*_SERVED_METHODS, "TEARDOWN"}
        status, reason = (200, "OK") if is_known else (501, "Not Implemented")
        answer = Send(Response(status, reason, Headers(headers)).to_bytes())
        location = request.headers.get("Location")
        if request.method == "REDIRECT" and location and self._step is not _Step.CLOSING:
            return [answer, *self._redirect(location, now_us)]
        if request.method == "TEARDOWN":
            lost = RtspError(
                Cause.SESSION_LOST, "The camera ended the session; a new session is needed."
            )
            return [answer, *self.fail(lost, now_us)]
        return [answer]
