"""What is on disk: volumes, index, coverage, retention, healing, export.

May import `media`, and of `cluster` its `model`: a copy's role is what a placement says.
The invariants A1 to A10 that the code names are in `docs/design/archive.md`.

    Deciding, pure:
    layout         where things are in a volume
    rows           what the index holds, as values
    space          how full a volume is, and may be
    coverage       when a camera is recorded, when not, and why not
    loss_book      lost packets as gaps, joined where there are many
    deletion       what to delete next, and why
    merge          the copies of a stream as one, each frame once

    Acting, blocking, from one thread a volume and process:
    disk           the system calls, so that a test can bring a failing disk
    errors         what may go wrong, told apart by what is to be done
    identity       the file that tells a mounted disk from an empty mount point
    volume         one directory on one file system; the only way to its files
    segment_file   one file being written
    schema         the index's tables, and the way from one version to the next
    index_reader   questions to the index, from any thread
    index          its writer
    locks          evidence, which outlives the index
    ballast        a little space in hand for deleting on a full disk
    cleaner        doing what `deletion` planned
    writers        which processes write to a volume now
    turn           one process at a time brings a volume into service
    walk           which files a volume has, whatever its index says
    inspection     what is whole in a file, and its hash
    repair         closing a file in order, or moving it aside
    recovery       what a crash left open
    rebuild        what has no row
    check          do files, index and hashes agree?
    lending        letting go of what others may still use
    mount          bringing a volume into service, in the order of all this
    archive        the volumes of a node as one
    export/        copies to one MP4, each frame once

Everything is meant for the thread that writes to the volume, save `index_reader`, `check` and the
pure part.
"""
