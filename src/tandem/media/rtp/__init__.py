"""RTP and RTCP (RFC 3550): from packets in any state to payloads in order, and from ticks to UTC.

Sans-I/O: buffers and times come in as arguments, payloads, reports and capture times come out.

    stream    packets of one source to its depacketiser: the hot path, sequence, loss, unwrapping
    reorder   datagrams back in order; only UDP needs it
    rtcp      control packets to objects, and a receiver's own packets to bytes
    reception what a receiver reports about a stream, from one report to the next
    ntp       64-bit NTP timestamps to UTC microseconds and back
    wrap      small counters of the wire to counters that never wrap
    clock     RTP time to capture time: the policy, and the one line that is recorded by
    arrivals  what the arrival of access units says about the camera's RTP clock
    reports   what the camera's sender reports say about it
    line      a straight line from ticks to microseconds, and two ways to fit one
"""
