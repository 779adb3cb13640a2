"""The control channel: a Unix socket, one JSON object a line each way.

A request is `{"version": 1, "command": ..., ...}`, with these commands:

    addresses                                     RTSP address of each camera
    statistics  [camera]                          figures of one camera, or of all
    fault       camera kind [value] [client] [duration_s]
                                                  begin a fault, until it is cleared or for so long
    clear       [camera] [kind]                   end one kind of fault, or all

A reply is `{"version": 1, "ok": true, "result": ...}` or `{"version": 1, "ok": false, "error":
"a sentence"}`. With `duration_s` 0 a fault begins and ends at once: `reset` and `ssrc-change` have
done their work by then.
"""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tandem.lab.camera.camera import Camera
from tandem.lab.camera.faults import Fault, FaultKind
from tandem.lab.camera.server import CameraServer

CONTROL_VERSION = 1


class Control:
    """Answers requests about the cameras of this process.

    Args:
        server: the cameras.
    """

    def __init__(self, server: CameraServer) -> None:
        self._server = server
        self._commands = {
            "addresses": self._addresses,
            "statistics": self._statistics,
            "fault": self._fault,
            "clear": self._clear,
        }

    async def run(self, path: Path) -> None:
        """Serve the socket until cancelled.

        Args:
            path: the socket; one that an earlier process left there is replaced.

        Raises:
            OSError: the socket cannot be made.
        """
        loop = asyncio.get_running_loop()
        asking: set[asyncio.Transport] = set()
        server = await loop.create_unix_server(lambda: _Asker(self.reply, asking), path)
        try:
            # Not serve_forever: from Python 3.12.1 on, its end waits until whoever asks has gone.
            await asyncio.Event().wait()
        finally:
            server.close()
            for transport in asking:
                transport.abort()

    def reply(self, line: bytes) -> bytes:
        """Carry out one request.

        Args:
            line: the request.

        Returns:
            The reply, with its newline.
        """
        answer: dict[str, Any] = {"version": CONTROL_VERSION}
        try:
            answer |= {"ok": True, "result": self._carry_out(json.loads(line))}
        except (KeyError, TypeError, ValueError) as error:
            sentence = f"{error.args[0]} is missing." if type(error) is KeyError else str(error)
            answer |= {"ok": False, "error": sentence}
        return json.dumps(answer).encode() + b"\n"

    def _carry_out(self, request: object) -> object:
        if not isinstance(request, dict) or request.get("version") != CONTROL_VERSION:
            raise ValueError(f'A request is a JSON object with "version": {CONTROL_VERSION}.')
        command = self._commands.get(request["command"])
        if command is None:
            known = ", ".join(self._commands)
            raise ValueError(f"There is no command {request['command']!r}; there are {known}.")
        return command(request)

    def _addresses(self, _request: dict[str, Any]) -> object:
        return self._server.addresses()

    def _statistics(self, request: dict[str, Any]) -> object:
        return {one.config.number: one.statistics() for one in self._named(request)}

    def _fault(self, request: dict[str, Any]) -> object:
        camera = self._camera(request["camera"])
        fault = Fault(FaultKind(request["kind"]), request.get("value"), request.get("client"))
        duration_s = None if "duration_s" not in request else float(request["duration_s"])
        camera.faults.begin(fault)
        if duration_s is not None:
            asyncio.get_running_loop().call_later(duration_s, camera.faults.end, fault)
        return camera.faults.names()

    def _clear(self, request: dict[str, Any]) -> object:
        kind = FaultKind(request["kind"]) if "kind" in request else None
        for camera in self._named(request):
            camera.faults.clear(kind)
        return None

    def _named(self, request: dict[str, Any]) -> list[Camera]:
        if "camera" in request:
            return [self._camera(request["camera"])]
        return list(self._server.cameras.values())

    def _camera(self, number: object) -> Camera:
        for camera in self._server.cameras.values():
            if camera.config.number == number:
                return camera
        raise ValueError(f"There is no camera {number}.")


class _Asker(asyncio.Protocol):
    """A connection to the control channel; in `asking` while it is open."""

    def __init__(self, reply: Callable[[bytes], bytes], asking: set[asyncio.Transport]) -> None:
        self._reply = reply
        self._asking = asking
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Get ready to reply."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  a socket server makes no other
        self._transport = transport
        self._asking.add(transport)

    def connection_lost(self, _error: Exception | None) -> None:
        """Be no more among those who ask."""
        self._asking.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        """Reply to each whole line."""
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            self._transport.write(self._reply(line))
