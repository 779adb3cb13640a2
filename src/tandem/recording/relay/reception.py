"""What arrives from another node, pushed into a sink as the camera's source pushed it there."""

from collections.abc import Sequence
from itertools import groupby

from tandem.clock import Clock
from tandem.media.rtsp.session import CameraSession
from tandem.media.units import AccessUnit, TimelineBreak, TrackConfig
from tandem.recording.framing import ProtocolError
from tandem.recording.relay.protocol import Break, End, Lost, Message, Place, Report, Start, Unit
from tandem.recording.source import Cause, SourceError, UnitSink


class Reception:
    """One timeline of a recording, over as many connections as it takes.

    Args:
        sink: takes it.
        clock: of the node.
        place: where the one before it ended; None where it is the first.

    Attributes:
        place: what comes next; None where nothing ever came.
        session: the camera's, as far as it was told.
        received: units and breaks so far.
        configs: the latest of each track, by whether it is the picture's.
        last_picture_us: CLOCK_BOOTTIME of the last picture, or of any other moment at which none
            was to be expected.
    """

    def __init__(self, sink: UnitSink, clock: Clock, place: Place | None = None) -> None:
        self.place = place
        self.session: CameraSession | None = None
        self.received = 0
        self.configs: dict[bool, TrackConfig] = {}
        self.last_picture_us = clock.boot_us()
        self._sink = sink
        self._clock = clock
        self._is_begun = False
        self._lost_before = (0, 0)

    def take(self, messages: Sequence[Message]) -> SourceError | None:
        """Push what came.

        Args:
            messages: of one connection, in their order.

        Returns:
            How the reception ended, where it did.

        Raises:
            ProtocolError: they make no sense.
        """
        if not self._is_begun:
            self.last_picture_us = self._clock.boot_us()
        for track, run in groupby(messages, _track):
            if track is not None:
                self._push(list(run), is_video=track)
                continue
            for message in run:
                if (end := self._obey(message)) is not None:
                    return end
        return None

    def _obey(self, message: Message) -> SourceError | None:
        match message:
            case Start():
                return self._start(message)
            case Report(is_video, rtp_time, ntp_utc_us):
                self._sink.sender_report(rtp_time, ntp_utc_us, is_video=is_video)
            case Lost(packets, damaged_units):
                before = self._lost_before
                self._sink.lost(packets - before[0], damaged_units - before[1])
            case CameraSession():
                self.session = message
            case End(sentence):
                return SourceError(Cause.CLOSED, sentence)
        return None

    def _start(self, start: Start) -> SourceError | None:
        if not self._is_begun:
            self._is_begun, self.place = True, start.place
            self._lost_before = (start.packets, start.damaged_units)
            self._sink.begin(start.audio_clock_hz)
            return None
        if not start.goes_on:
            sentence = "the connection was broken for longer than pictures are kept for it"
            return SourceError(Cause.RELAY, sentence)
        if start.place != self.place:
            raise ProtocolError("it goes on elsewhere than it was asked to")
        return None

    def _push(self, messages: Sequence[Message], *, is_video: bool) -> None:
        """Units and breaks of one track."""
        if self.place is None or not self._is_begun:
            raise ProtocolError("a unit comes before the start")
        items: list[AccessUnit | TimelineBreak] = [
            message.unit if isinstance(message, Unit) else TimelineBreak() for message in messages
        ]
        self.place = Place(self.place.session, self.place.number + len(items))
        self.received += len(items)
        if is_video:
            self.last_picture_us = self._clock.boot_us()
            self._sink.video(items)
        else:
            self._sink.audio(items)


def _track(message: Message) -> bool | None:
    """Whether a unit is of the picture or the sound; None where it is no unit."""
    return message.is_video if isinstance(message, Unit | Break) else None
