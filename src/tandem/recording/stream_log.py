"""What the log is told of one stream: what changes, at once; what stays wrong, now and then."""

import logging
from typing import Final

from tandem.media.rtp.clock import TRUSTED_OFFSET_US

log = logging.getLogger(__name__)

REPEAT_US: Final = 600_000_000
"""A camera that is off is tried each few seconds; the rest of the log has to be found as well."""

_MOST_REMEMBERED: Final = 16


class StreamLog:
    """Decides what is news."""

    def __init__(self) -> None:
        self._again_us: dict[str, int] = {}
        self._is_recorded = True
        self._clock_is_off = False
        self._loss_again_us = 0

    def failed(self, label: str, message: str, now_us: int) -> None:
        """An attempt or a connection ended.

        Args:
            label: names the camera.
            message: why.
            now_us: by CLOCK_BOOTTIME.
        """
        self._is_recorded = False
        if now_us < self._again_us.get(message, now_us):
            return
        if len(self._again_us) >= _MOST_REMEMBERED:
            self._again_us.clear()
        self._again_us[message] = now_us + REPEAT_US
        said = message.removeprefix(f"{label}: ").removesuffix(".")
        log.warning("%s: %s; it is tried again and again", label, said)

    def switched(self, label: str, why: str) -> None:
        """A connection was ended by order, and another one is made.

        Args:
            label: names the camera.
            why: as a sentence.
        """
        self._is_recorded = False
        log.info("%s: %s", label, why)

    def lost(self, label: str, packets: int, now_us: int) -> None:
        """Packets did not come.

        Args:
            label: names the camera.
            packets: how many, of this connection.
            now_us: by CLOCK_BOOTTIME.
        """
        if now_us >= self._loss_again_us:
            self._loss_again_us = now_us + REPEAT_US
            log.warning(
                "%s: packets are lost on the way from the camera (%d of this connection), so"
                " pictures are damaged. Check the network",
                label,
                packets,
            )

    def recorded(self, label: str, camera_offset_us: int | None) -> None:
        """Pictures are kept.

        Args:
            label: names the camera.
            camera_offset_us: how far its clock is ahead; None while that is not known.
        """
        if not self._is_recorded:
            self._is_recorded = True
            self._again_us.clear()
            log.info("%s: it is recorded again", label)
        if camera_offset_us is None:
            return
        is_off = abs(camera_offset_us) > TRUSTED_OFFSET_US
        if is_off and not self._clock_is_off:
            log.warning(
                "%s: its clock is %s s %s, and not believed: pictures have the node's time. Set"
                " the camera's time server",
                label,
                f"{abs(camera_offset_us) / 1e6:,.0f}",
                "ahead" if camera_offset_us > 0 else "behind",
            )
        elif self._clock_is_off and not is_off:
            log.info("%s: its clock is right again", label)
        self._clock_is_off = is_off
