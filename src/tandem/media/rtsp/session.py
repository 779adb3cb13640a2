"""What names a session of a camera, for who ends it from another connection."""

import re
from dataclasses import dataclass, field
from typing import Final

_WORD: Final = re.compile(r"[!-~]{1,512}")


@dataclass(frozen=True, slots=True)
class CameraSession:
    """A session, which belongs to the camera and not to a connection (RFC 2326 section 12.37).

    Attributes:
        url: what its requests are about, as a whole.
        id: as the camera named it.
    """

    url: str = field(repr=False)
    id: str

    @property
    def is_plain(self) -> bool:
        """Whether both can stand in a request that another node makes, and are no novel."""
        return bool(_WORD.fullmatch(self.url) and _WORD.fullmatch(self.id))
