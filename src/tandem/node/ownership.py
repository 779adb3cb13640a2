"""Whose a node's files are: the service's user's, also where root has made them. Blocking."""

import os
import pwd
from collections.abc import Iterable
from pathlib import Path
from typing import Final

SERVICE_USER: Final = "tandem"
"""That the installed service runs as: packaging/tandem.sysusers."""


def give_to_service(paths: Iterable[Path]) -> None:
    """Give files and directories to the service's user, for what it is to read and write.

    Nothing happens unless root asks, on a machine where that user is: whoever else makes a node
    runs it as well. A link is given, and not what it leads to.

    Args:
        paths: each by itself; what is in a directory is not given with it.

    Raises:
        OSError: one is not there, or its file system knows no owners.
    """
    if os.geteuid() != 0:
        return
    try:
        user = pwd.getpwnam(SERVICE_USER)
    except KeyError:
        return
    for path in paths:
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def tree(directory: Path) -> list[Path]:
    """A directory and all that is in it, for `give_to_service`; links are not followed."""
    return [directory, *(found for found in sorted(directory.rglob("*")))]
