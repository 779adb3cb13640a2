"""A node's certificate: read once, and by one thread whoever waits for it."""

import asyncio
import ssl
import threading
from pathlib import Path

import pytest
from tests.conformance.store.subjects import in_a_loop
from tests.recording.relay.certificates import Certificates

from tandem.mutual_tls import TlsError, client_context
from tandem.recording.relay import certificate
from tandem.recording.relay.certificate import Certificate


class Disk:
    """The system's, which hangs until a test lets it go on."""

    def __init__(self) -> None:
        self.goes_on = threading.Event()
        self.read = 0

    def make(self, authority: Path, node: Path) -> ssl.SSLContext:
        self.read += 1
        self.goes_on.wait()
        return client_context(authority, node)


@in_a_loop
async def test_what_was_read_needs_no_disk_any_more(tmp_path: Path) -> None:
    files = Certificates(tmp_path)
    one = Certificate(client_context, files.authority, files.node("n1"))
    first = await one.context()
    for path in one.files:
        path.unlink()
    assert await one.context() is first


@in_a_loop
async def test_a_disk_that_hangs_costs_one_thread_and_those_who_wait_a_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificate, "READ_S", 0.05)
    files, disk = Certificates(tmp_path), Disk()
    one = Certificate(disk.make, files.authority, files.node("n1"))
    try:
        outcomes = await asyncio.gather(*[one.context() for _ in range(9)], return_exceptions=True)
        assert {str(it) for it in outcomes} == {f"{one.files[1]} cannot be read; see `dmesg`"}
        with pytest.raises(TlsError, match="dmesg"):
            await one.context()
        assert disk.read == 1
        monkeypatch.setattr(certificate, "READ_S", 60)
    finally:
        disk.goes_on.set()
    assert await one.context() is await one.context()
    assert disk.read == 1


@in_a_loop
async def test_a_file_that_is_missing_is_named_and_read_when_it_is_there(tmp_path: Path) -> None:
    files = Certificates(tmp_path)
    made, missing = files.node("n1"), tmp_path / "missing.pem"
    one = Certificate(client_context, files.authority, missing)
    outcomes = await asyncio.gather(one.context(), one.context(), return_exceptions=True)
    assert all(isinstance(it, TlsError) and "missing.pem" in str(it) for it in outcomes)
    made.rename(missing)
    await one.context()
