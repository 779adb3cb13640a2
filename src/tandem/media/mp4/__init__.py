"""Access units to MP4 init segments and fragments, and back; what is whole after a crash.

A segment file is an init segment (`ftyp`, `moov`), then fragments (`moof`, `mdat`), and, where it
was closed in order, an index of its keyframes at the end (`mfra`). It has one video track (id 1,
90 kHz) and at most one audio track (id 2, its sample rate). Decode times are absolute: ticks since
1970-01-01T00:00:00Z. So fragments of all recorders of a camera lie on one timeline.

Two `uuid` boxes make a file speak for itself. One in `moov` says whose recording it is; one in each
`traf` holds the identity of every sample, by which copies are merged and torn data is found out.
Players skip both.

    boxes          writing boxes, and walking them without trusting them
    header         the `uuid` box in `moov`: which cluster, node, camera and segment
    video_entries  decoder configurations of pictures: avcC, hvcC
    audio_entries  decoder configurations of sound: esds, dOps
    movie          movie and track headers, and how samples are decoded
    init           init segments, both ways
    fragment       fragments, both ways
    decode_times   presentation times in decode order to decode times
    identity       who a stored sample is
    mfra           the index at the end, both ways
    scan           what of a file is whole

Reading refuses what is not as Tandem writes it with `Mp4Error`, and nothing else.
"""
