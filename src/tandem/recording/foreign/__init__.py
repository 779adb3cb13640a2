"""Sources that Tandem's own receiver does not speak, through libav in a process for each camera.

A libav assertion aborts its process and its calls block, so none of it runs in the recorder: a
child opens the URL, demuxes (nothing is ever decoded) and passes packets on through a pipe. Made
into access units they are in the recorder, so that a child that is killed takes with it no picture
that had already left it.

    protocol    the messages in the pipe, and their incremental decoder (sans-I/O)
    bitstream   Annex B, avcC and hvcC to NAL units behind 4-byte lengths (pure)
    adts        AAC frames out of their transport headers (pure)
    timeline    timestamps as libav has them to a timeline that holds (pure)
    assembly    packets to access units (pure)
    order       what the child is told, and the options libav opens a URL with (pure)
    causes      libav's errors to causes and sentences
    redact      messages without credentials (pure)
    confine     what the child gives up before it touches the network
    worker      the child
    child       the child as the recorder holds it
    source      the `Source`
"""
