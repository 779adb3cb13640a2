"""A camera of paper: it reads what the client sends, and answers as the test dictates."""

from dataclasses import dataclass, field
from typing import Any

from tandem.media.rtsp.client import RtspClient
from tandem.media.rtsp.errors import RtspError
from tandem.media.rtsp.events import Event, Failed, Send, TracksReady
from tandem.media.rtsp.message import Message, MessageReader
from tandem.media.rtsp.session import CameraSession
from tandem.media.rtsp.transport import LowerTransport
from tandem.media.rtsp.url import parse_url

URL = "rtsp://admin:geheim@10.0.0.5/live"
VIDEO = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=1\r\n"
AUDIO = "m=audio 0 RTP/AVP 8\r\na=control:trackID=2\r\n"
PUBLIC = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"
DIGEST = 'Digest realm="cam", nonce="{}"'
SECOND_US = 1_000_000


@dataclass
class Sent:
    """One message of the client, taken apart without the client's own code."""

    method: str
    url: str
    headers: dict[str, str]


def take_apart(data: bytes) -> Sent:
    head, _, body = data.decode().partition("\r\n\r\n")
    assert body == ""
    first, *lines = head.split("\r\n")
    method, url, _ = first.split(" ", maxsplit=2)
    headers = dict(line.split(": ", maxsplit=1) for line in lines)
    assert len(headers) == len(lines)
    return Sent(method, url, headers)


@dataclass
class Dialogue:
    """A client, the time, and all that it did so far."""

    client: RtspClient
    now_us: int = 0
    sent: list[Sent] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def start(self) -> "Dialogue":
        return self._note(self.client.start(self.now_us))

    def answer(
        self, status: str = "200 OK", headers: str = "", body: str = "", *, cseq: str | None = None
    ) -> "Dialogue":
        """Answer the last request. `headers` is "Name: value|Name: value"."""
        lines = [f"RTSP/1.0 {status}", *filter(None, headers.split("|"))]
        number = self.last.headers["CSeq"] if cseq is None else cseq
        if number:
            lines.append(f"CSeq: {number}")
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return self.say("\r\n".join([*lines, "", body]))

    def say(self, text: str) -> "Dialogue":
        """Send the client any message."""
        used, message = MessageReader().feed(text.encode())
        assert message is not None
        assert used == len(text.encode())
        return self.take(message)

    def take(self, message: Message) -> "Dialogue":
        return self._note(self.client.receive(message, self.now_us))

    def wait(self, seconds: float, last_packet_us: int | None = None) -> "Dialogue":
        self.now_us += int(seconds * SECOND_US)
        return self._note(self.client.tick(self.now_us, last_packet_us))

    def close(self) -> "Dialogue":
        return self._note(self.client.close(self.now_us))

    @property
    def last(self) -> Sent:
        return self.sent[-1]

    @property
    def methods(self) -> str:
        return " ".join(each.method for each in self.sent)

    @property
    def error(self) -> RtspError:
        [failed] = [event for event in self.events if isinstance(event, Failed)]
        return failed.error

    @property
    def ready(self) -> TracksReady:
        [ready] = [event for event in self.events if isinstance(event, TracksReady)]
        return ready

    def _note(self, events: list[Event]) -> "Dialogue":
        self.events += events
        self.sent += [take_apart(event.data) for event in events if isinstance(event, Send)]
        return self


def dialogue(
    url: str = URL,
    *,
    transports: tuple[LowerTransport, ...] = (LowerTransport.TCP,),
    udp_ports: tuple[tuple[int, int], ...] = (),
    with_audio: bool = True,
    only_ends: CameraSession | None = None,
) -> Dialogue:
    """A dialogue whose first request was sent."""
    client = RtspClient(
        parse_url(url),
        client_nonce="c0ffee",
        transports=transports,
        udp_ports=udp_ports,
        with_audio=with_audio,
        only_ends=only_ends,
    )
    return Dialogue(client).start()


def described(sdp: str = VIDEO, headers: str = "", **options: Any) -> Dialogue:
    """Up to the first SETUP."""
    one = dialogue(**options)
    return one.answer(headers=f"Public: {PUBLIC}").answer(headers=headers, body=sdp)


def playing(session: str = "77;timeout=60", public: str = PUBLIC) -> Dialogue:
    """A session with one video track that plays."""
    one = dialogue().answer(headers=f"Public: {public}").answer(body=VIDEO)
    return one.answer(headers=f"Session: {session}").answer()
