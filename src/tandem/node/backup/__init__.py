"""Backups of the store: all keys of Tandem as they stood at one revision, in a file.

Deciding, pure:
document  the file: JSON lines, packed, with a version and a checksum
keeping   which files are kept

Acting:
taking    reads the store, page by page, and writes the file
keeper    `BackupKeeper`: takes one each hour, for the agent

May import `node.store`, `node.secret_file`, `cluster`, `clock`. See docs/design/store-care.md.
"""
