"""What a disk's failure says to do."""

import errno
import os
import pwd

from tandem.archive.errors import DiskFailedError, disk_error


def test_a_volume_of_another_user_is_no_broken_disk() -> None:
    error = disk_error(PermissionError(errno.EACCES, "Permission denied"), "writing /srv/a/x.mp4")
    user = pwd.getpwuid(os.geteuid()).pw_name
    assert isinstance(error, DiskFailedError)
    assert "/srv/a/x.mp4" in str(error)
    assert f"chown --recursive {user}:" in str(error)
    assert "smartctl" not in str(error)


def test_a_disk_that_fails_is_called_so() -> None:
    error = disk_error(OSError(errno.EIO, "Input/output error"), "writing /srv/a/x.mp4")
    assert "smartctl" in str(error)
