"""One client's conversation with a camera: OPTIONS, DESCRIBE, SETUP, PLAY and so on (RFC 2326)."""

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit

from tandem.lab.camera.auth import Gatekeeper
from tandem.lab.camera.camera import Camera
from tandem.lab.camera.faults import FaultKind
from tandem.lab.camera.outbox import Outbox
from tandem.lab.camera.rtsp import Request, response
from tandem.lab.camera.sdp import AUDIO_TRACK, VIDEO_TRACK, describe
from tandem.lab.camera.session import Link, Session
from tandem.lab.camera.sinks import InterleavedSink, UdpSink

_METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER, TEARDOWN"


class DialogueLink(Link, Protocol):
    """The connection, as the dialogue needs it."""

    outbox: Outbox
    peer: str
    own_address: str


class Dialogue:
    """Answers the requests of one connection, which has at most one session.

    Any connection may end any session by its name, as with live555 and gst-rtsp-server: a session
    belongs to the camera (RFC 2326 section 12.37).

    Args:
        link: the connection.
        cameras: the cameras of this listener by path.
    """

    def __init__(self, link: DialogueLink, cameras: Mapping[str, Camera]) -> None:
        self._link = link
        self._cameras = cameras
        self._camera: Camera | None = None
        self._gatekeeper: Gatekeeper | None = None
        self._session: Session | None = None
        self._answers = {
            "OPTIONS": self._options,
            "DESCRIBE": self._describe,
            "SETUP": self._setup,
            "PLAY": self._play,
            "PAUSE": self._pause,
            "GET_PARAMETER": self._keep_alive,
            "SET_PARAMETER": self._keep_alive,
            "TEARDOWN": self._tear_down,
        }

    def answer(self, request: Request) -> None:
        """Answer a request."""
        camera = self._find(request.uri)
        self.heard()
        if camera is not None and self._rejects_connections(camera):
            self._link.reset("the camera takes no connections")
            return
        if request.method == "OPTIONS":
            self._options(request)
            return
        if camera is None or camera.faults.active(FaultKind.WRONG_PATH, self._link.peer):
            self._reply(request, 404)
            return
        if self._gatekeeper is None or self._camera is not camera:
            config = camera.config
            self._gatekeeper = Gatekeeper(config.auth, config.user, config.password)
        self._camera = camera
        forgotten = camera.faults.active(FaultKind.WRONG_PASSWORD, self._link.peer)
        if forgotten or not self._gatekeeper.admits(request):
            self._reply(request, 401, {"WWW-Authenticate": self._gatekeeper.challenge})
            return
        self._answers.get(request.method, self._unknown)(request)

    def heard(self) -> None:
        """Note that the client is alive."""
        if self._session is not None and self._camera is not None:
            self._camera.register.heard(self._session)

    def lost(self, reason: str) -> None:
        """End the session: its connection is gone."""
        if self._session is not None and self._camera is not None:
            self._camera.register.part(self._session, reason, orderly=False)
            self._session = None

    def _find(self, uri: str) -> Camera | None:
        path = urlsplit(uri).path.rstrip("/")
        return self._cameras.get(path) or self._cameras.get(path.rpartition("/")[0])

    def _rejects_connections(self, camera: Camera) -> bool:
        """Tell whether to reset; a shared listener cannot refuse for one of its cameras."""
        if camera.faults.active(FaultKind.RESET, self._link.peer):
            return True
        return self._session is None and camera.faults.active(FaultKind.REFUSE)

    def _reply(
        self, request: Request, status: int, headers: dict[str, str] | None = None, body: str = ""
    ) -> None:
        known = dict(headers or {})
        if self._session is not None and self._camera is not None:
            known.setdefault("Session", self._session_header())
        self._link.outbox.write(response(request, status, known, body))

    def _session_header(self) -> str:
        assert self._session is not None and self._camera is not None  # noqa: S101, PT018
        return f"{self._session.name};timeout={round(self._camera.config.session_timeout_s)}"

    def _options(self, request: Request) -> None:
        self._reply(request, 200, {"Public": _METHODS})

    def _unknown(self, request: Request) -> None:
        self._reply(request, 405, {"Allow": _METHODS})

    def _describe(self, request: Request) -> None:
        camera = self._the_camera()
        video = not camera.faults.active(FaultKind.NO_VIDEO)
        text = describe(camera.playback.material, self._link.own_address, video=video)
        headers = {
            "Content-Type": "application/sdp",
            "Content-Base": request.uri.rstrip("/") + "/",
        }
        self._reply(request, 200, headers, text)

    def _setup(self, request: Request) -> None:
        camera = self._the_camera()
        track = request.uri.rstrip("/").rpartition("/")[2]
        if track not in self._tracks(camera):
            self._reply(request, 404)
            return
        if self._session is None and camera.register.is_full():
            self._reply(request, 453)
            return
        for offer in request.headers.get("transport", "").split(","):
            chosen = self._try_transport(camera, track, offer.strip())
            if chosen is not None:
                self._reply(request, 200, {"Transport": chosen})
                return
        self._reply(request, 461)

    def _tracks(self, camera: Camera) -> set[str]:
        tracks = {AUDIO_TRACK} if camera.playback.sound else set()
        return tracks if camera.faults.active(FaultKind.NO_VIDEO) else tracks | {VIDEO_TRACK}

    def _try_transport(self, camera: Camera, track: str, offer: str) -> str | None:
        protocol, *settings = offer.split(";")
        values = dict(one.partition("=")[::2] for one in settings)
        if protocol == "RTP/AVP/TCP":
            return self._set_up_tcp(camera, track, values.get("interleaved", "0-1"))
        if protocol in {"RTP/AVP", "RTP/AVP/UDP"} and "client_port" in values:
            return self._set_up_udp(camera, track, values["client_port"])
        return None

    def _set_up_tcp(self, camera: Camera, track: str, channels: str) -> str | None:
        sink = self._session.sink if self._session else InterleavedSink(self._link.outbox)
        if not isinstance(sink, InterleavedSink):
            return None
        sink.add(track, int(channels.partition("-")[0]))
        self._admit(camera, sink).add(track)
        return f"RTP/AVP/TCP;unicast;interleaved={channels}"

    def _set_up_udp(self, camera: Camera, track: str, ports: str) -> str | None:
        client = self._link.peer.rpartition(":")[0]
        sink = (
            self._session.sink
            if self._session
            else UdpSink(self._link.own_address, client, self.heard)
        )
        if not isinstance(sink, UdpSink):
            return None
        rtp_port, _, rtcp_port = ports.partition("-")
        own = sink.add(track, (int(rtp_port), int(rtcp_port or int(rtp_port) + 1)))
        self._admit(camera, sink).add(track)
        return f"RTP/AVP;unicast;client_port={ports};server_port={own[0]}-{own[1]}"

    def _admit(self, camera: Camera, sink: InterleavedSink | UdpSink) -> Session:
        if self._session is None:
            self._session = camera.register.admit(self._link.peer, self._link, sink)
        return self._session

    def _play(self, request: Request) -> None:
        session = self._the_session(request)
        if session is None:
            return
        camera = self._the_camera()
        base = request.uri.rstrip("/")
        info = ",".join(
            f"url={base}/{track};seq={stream.sequence}"
            f";rtptime={stream.rtp_time(camera.now_ticks(stream.clock_hz))}"
            for track, stream in session.streams.items()
        )
        self._reply(request, 200, {"Range": "npt=now-", "RTP-Info": info})
        if not session.playing:
            camera.play(session)

    def _pause(self, request: Request) -> None:
        session = self._the_session(request)
        if session is not None:
            session.playing = False
            self._reply(request, 200)

    def _keep_alive(self, request: Request) -> None:
        self._reply(request, 200)

    def _tear_down(self, request: Request) -> None:
        named = request.headers.get("session", "").partition(";")[0]
        if (self._session is None or named != self._session.name) and named:
            ended = self._the_camera().register.end(named)
            self._reply(request, 200 if ended else 454)
            return
        session = self._the_session(request)
        if session is None:
            return
        session.say_goodbye()
        self._reply(request, 200)
        self._the_camera().register.part(session, "torn down by the client", orderly=True)
        self._session = None

    def _the_camera(self) -> Camera:
        assert self._camera is not None  # noqa: S101  every request that gets here named it
        return self._camera

    def _the_session(self, request: Request) -> Session | None:
        named = request.headers.get("session", "").partition(";")[0]
        if self._session is None or named not in {"", self._session.name}:
            self._reply(request, 454)
            return None
        return self._session
