"""Pictures and sound as bytes: RTSP, SDP, RTP, H.264, H.265, AAC, G.711, Opus, fragmented MP4.

Sans-I/O: bytes and times come in as arguments, events and bytes go out. Nothing here opens, reads
or sleeps; it imports the standard library's pure parts, `blake3`, and nothing else of Tandem.

    units        what flows: an access unit, and the configuration of the track it belongs to
    sdp          a session description (RFC 8866) to a list of media
    rtsp/        RTSP 1.0 messages, authentication, the client's state machine, interleaved framing
    rtp/         RTP and RTCP packets, sequence, reordering, the capture clock
    codecs/      what the parameter sets say
    depacketise/ RTP payloads to access units
    fragmenter   access units to fragments: when one closes, and the times of its samples
    losses       which time is missing between pictures of which packets were lost
    mp4/         access units to init segments and fragments, and back; what is whole after a crash
"""
