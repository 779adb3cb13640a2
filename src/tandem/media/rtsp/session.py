"""What names a session of a camera, for who ends it from another connection."""

import re
from dataclasses import dataclass, field
from typing import Final

from tandem.media.rtsp.transport import DEFAULT_SESSION_TIMEOUT_S, MAX_SESSION_TIMEOUT_S

_WORD: Final = re.compile(r"[!-~]{1,512}")


@dataclass(frozen=True, slots=True)
class CameraSession:
    """A session, which belongs to the camera and not to a connection (RFC 2326 section 12.37).

    Attributes:
        url: what its requests are about, as a whole.
        id: as the camera named it.
        timeout_s: so long the camera keeps it of which it hears nothing.
    """

    url: str = field(repr=False)
    id: str
    timeout_s: int = DEFAULT_SESSION_TIMEOUT_S

    @property
    def is_plain(self) -> bool:
        """Whether it can stand in a request that another node makes, and is no novel."""
        is_named = bool(_WORD.fullmatch(self.url) and _WORD.fullmatch(self.id))
        return is_named and 0 < self.timeout_s <= MAX_SESSION_TIMEOUT_S
