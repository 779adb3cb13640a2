"""What can be made to go wrong with a camera, and what is going wrong now."""

import enum
from collections.abc import Callable
from dataclasses import dataclass


class FaultKind(enum.StrEnum):
    """The misbehaviours of real cameras. Those that need a number say which."""

    STALL = "stall"
    """The connection stays open and RTSP is answered, but no media comes."""
    RESET = "reset"
    """TCP connections are reset."""
    REFUSE = "refuse"
    """New connections are refused."""
    LOSS = "loss"
    """UDP: this percentage of the RTP packets is lost."""
    REORDER = "reorder"
    """UDP: this percentage of the RTP packets is overtaken by the next one."""
    TIMESTAMP_JUMP = "timestamp-jump"
    """RTP timestamps are this many seconds ahead (negative: behind) of what they were."""
    PARAMETER_CHANGE = "parameter-change"
    """From the next keyframe the alternate profile plays, announced in-band only."""
    SESSION_LIMIT = "session-limit"
    """At most this many sessions; those whose connection died count until they time out."""
    WRONG_PASSWORD = "wrong-password"  # noqa: S105  the name of a fault
    """Every request is answered with 401."""
    WRONG_PATH = "wrong-path"
    """Every request is answered with 404."""
    NO_VIDEO = "no-video"
    """The session description offers no pictures."""
    REPORTS_MISSING = "reports-missing"
    """No sender reports."""
    REPORTS_WRONG = "reports-wrong"
    """The RTP time in sender reports is random."""
    CLOCK_1970 = "clock-1970"
    """The camera's clock began with 1970 when the camera started."""
    CLOCK_STEP = "clock-step"
    """The camera's clock is this many seconds ahead."""
    CLOCK_DRIFT = "clock-drift"
    """The camera's crystal is this many ppm fast: pictures come faster, its clock runs ahead."""
    SSRC_CHANGE = "ssrc-change"
    """SSRC, sequence number and timestamp offset change now, and again at the end."""
    FREEZE = "freeze"
    """From the next keyframe that keyframe is repeated, byte for byte."""


_NUMBER_NEEDED = {
    FaultKind.LOSS: "the percentage of packets",
    FaultKind.REORDER: "the percentage of packets",
    FaultKind.TIMESTAMP_JUMP: "the seconds to jump by",
    FaultKind.SESSION_LIMIT: "the number of sessions",
    FaultKind.CLOCK_STEP: "the seconds to step by",
    FaultKind.CLOCK_DRIFT: "the drift in ppm",
}

_PER_CLIENT = {
    FaultKind.STALL,
    FaultKind.RESET,
    FaultKind.LOSS,
    FaultKind.REORDER,
    FaultKind.WRONG_PASSWORD,
    FaultKind.WRONG_PATH,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One misbehaviour.

    Attributes:
        kind: what goes wrong.
        value: its number, for the kinds that need one.
        client: the address, or address:port, of the only client to suffer; None for all.
    """

    kind: FaultKind
    value: float | None = None
    client: str | None = None

    def __post_init__(self) -> None:
        """Refuse a fault that says too little or too much."""
        if self.kind in _NUMBER_NEEDED and self.value is None:
            raise ValueError(f"The fault {self.kind} needs a value: {_NUMBER_NEEDED[self.kind]}.")
        if not isinstance(self.value, int | float | None):
            raise TypeError(f"The value of the fault {self.kind} has to be a number.")
        if self.client is not None and self.kind not in _PER_CLIENT:
            raise ValueError(f"The fault {self.kind} strikes all clients; leave out `client`.")

    def strikes(self, peer: str) -> bool:
        """Tell whether a client at address:port suffers."""
        return self.client is None or self.client in {peer, peer.rpartition(":")[0]}


class FaultSet:
    """The faults of one camera, at most one of each kind.

    Args:
        changed: called with the kind after a fault began or ended.
    """

    def __init__(self, changed: Callable[[FaultKind], None]) -> None:
        self._changed = changed
        self._now: dict[FaultKind, Fault] = {}

    def begin(self, fault: Fault) -> None:
        """Let a fault begin, in place of an earlier one of its kind."""
        self._now[fault.kind] = fault
        self._changed(fault.kind)

    def end(self, fault: Fault) -> None:
        """Let this very fault end, if it has not yet."""
        if self._now.get(fault.kind) is fault:
            del self._now[fault.kind]
            self._changed(fault.kind)

    def clear(self, kind: FaultKind | None = None) -> None:
        """Let one kind of fault end, or all."""
        for fault in list(self._now.values()):
            if kind in {None, fault.kind}:
                self.end(fault)

    def active(self, kind: FaultKind, peer: str | None = None) -> bool:
        """Tell whether a fault is on, for one client or at all."""
        fault = self._now.get(kind)
        return fault is not None and (peer is None or fault.strikes(peer))

    def value(self, kind: FaultKind, peer: str | None = None) -> float:
        """Return the number of a fault, 0 while it is off."""
        fault = self._now.get(kind)
        if fault is None or fault.value is None or (peer is not None and not fault.strikes(peer)):
            return 0.0
        return fault.value

    def names(self) -> list[str]:
        """Return what goes wrong now, in alphabetical order."""
        return sorted(kind.value for kind in self._now)
