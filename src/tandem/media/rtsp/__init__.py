"""RTSP 1.0 (RFC 2326) as a client of cameras: bytes and times in, events and bytes out.

A connection is an `InterleavedReader`, which its shell lets the network write into, and a
`RtspClient`, which is given the messages that the reader finds and says what to send.

    errors       why a camera cannot be recorded
    url          credentials, redaction, the URL of each track
    auth         Basic and Digest
    message      requests and responses, read piece by piece
    interleaved  the hot path: RTP packets and messages out of one stream of bytes
    transport    the headers Transport, Session and RTP-Info
    session      what names a session, for who ends it from another connection
    events       what the client asks of its shell
    selection    which media of a description are recorded
    negotiation  SETUP, track by track
    exchange     one request and its answer: CSeq, deadline, proof of identity
    refusal      what a status other than success means
    client       the state machine, from OPTIONS to TEARDOWN

What cameras get wrong is tolerated where its meaning is clear, and refused in a sentence where not.
Whatever a hostile camera sends, memory stays bounded.
"""
