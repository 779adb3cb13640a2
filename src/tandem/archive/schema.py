"""The index's schema, its version, and the way from one version to the next."""

import sqlite3
from collections.abc import Iterator

from tandem.archive.errors import IndexDamagedError

APPLICATION_ID = 0x54444D31  # "TDM1": `file tandem-index.sqlite` tells what it is

_VERSION_1 = """
CREATE TABLE segment (
    segment_id    BLOB    NOT NULL PRIMARY KEY CHECK (length(segment_id) = 16),
    camera_id     TEXT    NOT NULL,
    stream        TEXT    NOT NULL,
    path          TEXT    NOT NULL UNIQUE,
    role          TEXT    NOT NULL CHECK (role IN ('primary', 'second')),
    start_us      INTEGER NOT NULL,
    end_us        INTEGER NOT NULL,
    durable_bytes INTEGER NOT NULL CHECK (durable_bytes >= 0),
    frames        INTEGER NOT NULL,
    keyframes     INTEGER NOT NULL,
    state         TEXT    NOT NULL CHECK (state IN ('open', 'closed', 'suspect', 'garbage')),
    hash          BLOB    CHECK (length(hash) = 32),
    locked        INTEGER NOT NULL CHECK (locked IN (0, 1)),
    promised_us   INTEGER,
    writer_id     BLOB    CHECK (length(writer_id) = 16),
    CHECK (hash IS NULL OR state <> 'open')
) STRICT;

-- A timeline is read from this alone; times are in it, so it is written at each sync.
CREATE INDEX segment_timeline ON segment (camera_id, stream, role, start_us, end_us, state);
-- How far before a time a segment over it may begin: max() of a copy is one look-up.
CREATE INDEX segment_length ON segment (camera_id, stream, role, end_us - start_us);
-- What is not closed is little, and looked for at every opening.
CREATE INDEX segment_unfinished ON segment (state) WHERE state <> 'closed';

CREATE TABLE gap (
    camera_id TEXT    NOT NULL,
    stream    TEXT    NOT NULL,
    from_us   INTEGER NOT NULL,
    to_us     INTEGER NOT NULL,
    cause     TEXT    NOT NULL,
    detail    TEXT    NOT NULL,
    PRIMARY KEY (camera_id, stream, from_us)
) STRICT, WITHOUT ROWID;

-- Who may be deleted, oldest first; and whose second copies await their primary's promise.
CREATE INDEX segment_oldest ON segment (start_us, segment_id)
    WHERE locked = 0 AND state IN ('closed', 'suspect');
CREATE INDEX segment_second ON segment (start_us, segment_id)
    WHERE role = 'second' AND promised_us IS NULL AND locked = 0 AND state IN ('closed', 'suspect');

-- One row: whether every file of the volume has been looked at since this index was begun.
CREATE TABLE adoption (is_complete INTEGER NOT NULL CHECK (is_complete IN (0, 1))) STRICT;
INSERT INTO adoption VALUES (0);

-- What the segments of a camera add up to, so that nobody has to add up a million of them.
CREATE TABLE total (camera_id TEXT NOT NULL PRIMARY KEY, held_bytes INTEGER NOT NULL)
    STRICT, WITHOUT ROWID;
CREATE TRIGGER total_insert AFTER INSERT ON segment BEGIN
    INSERT INTO total VALUES (new.camera_id, new.durable_bytes)
    ON CONFLICT (camera_id) DO UPDATE SET held_bytes = held_bytes + excluded.held_bytes;
END;
CREATE TRIGGER total_update AFTER UPDATE OF durable_bytes ON segment BEGIN
    UPDATE total SET held_bytes = held_bytes + new.durable_bytes - old.durable_bytes
    WHERE camera_id = new.camera_id;
END;
CREATE TRIGGER total_delete AFTER DELETE ON segment BEGIN
    UPDATE total SET held_bytes = held_bytes - old.durable_bytes WHERE camera_id = old.camera_id;
END;
"""

_VERSION_2 = """
-- What the primary of a camera may be asked about, oldest first; no other camera is passed over.
CREATE INDEX segment_unpromised ON segment (camera_id, start_us, segment_id)
    WHERE role = 'second' AND promised_us IS NULL AND locked = 0 AND state = 'closed';
"""

_VERSION_3 = """
-- What evidence takes of each camera, which does not count for its share.
CREATE INDEX segment_evidence ON segment (camera_id, durable_bytes) WHERE locked = 1;
"""

MIGRATIONS = (_VERSION_1, _VERSION_2, _VERSION_3)
"""Step n leads from `user_version` n to n + 1. Released steps are never changed, only added to."""


def configure(connection: sqlite3.Connection) -> None:
    """What every connection needs; in WAL mode readers never wait for the writer."""
    connection.execute("PRAGMA busy_timeout = 5000")
    connection.execute("PRAGMA synchronous = FULL")  # in WAL mode: every commit is durable
    connection.execute("PRAGMA trusted_schema = OFF")


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring an index to this version, each step in a transaction with its number.

    Another process may do the same meanwhile: what a step is due for is asked in its transaction.

    Args:
        connection: in autocommit mode.
        path: the file, for messages.

    Raises:
        IndexDamagedError: it was written by a newer Tandem, or is another program's database.
        sqlite3.Error: as SQLite says.
    """
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    owner: int = connection.execute("PRAGMA application_id").fetchone()[0]
    if version > len(MIGRATIONS) or owner not in {0, APPLICATION_ID}:
        raise IndexDamagedError(
            f"The index {path} is of version {version}, and this Tandem knows {len(MIGRATIONS)}. "
            f"Update this node; or move the index away, and it is rebuilt from the files."
        )
    connection.execute("PRAGMA journal_mode = WAL")
    for number, step in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            if connection.execute("PRAGMA user_version").fetchone()[0] < number:
                for statement in _statements(step):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _statements(script: str) -> Iterator[str]:
    """One by one: `executescript` would commit the transaction that it is called in."""
    statement = ""
    for part in script.split(";"):
        statement += f"{part};"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
