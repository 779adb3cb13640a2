"""From the copies of a recording to files that anybody can play, each frame exactly once.

Why it is built as it is stands in `docs/design/export.md`. May import `media` and its own parent.

    Deciding, pure:
    units        a stored frame, and where its bytes are; compact tables of many
    steady       decode times that do not fall behind where pictures are missing
    runs         which segments go on from each other without a break
    fitting      pictures of one recording in the holes of another
    strands      where recordings stand that share no picture
    timeline     runs of one camera to one sequence, a window of minutes at a time
    turns        whose pictures are shown when, where copies are encodings of their own
    trim         from the keyframe before the beginning to the last frame before the end
    assembly     the frames of an export in order, cut into files where the stream changed
    layout       when each frame of a file is shown, and where its bytes lie
    missing      what is not there, and why
    result       what an export tells about itself, as values and as JSON

    Acting, blocking:
    source       what an export needs of a place with recordings (an interface)
    local        the volumes of this node as such a place
    tables       the tables of a segment file
    reader       the frames of a run, read as they are wanted
    families     which copies are encodings of their own
    output       files that are complete or not there at all
    copying      media data from segments to a file, each frame verified
    planning     from a request to all that is to be written
    export       all of it
    errors       what may go wrong

An export reads; it changes no volume and no index.
"""
