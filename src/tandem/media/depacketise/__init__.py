"""RTP payloads to access units, one module a payload format; `base` has what they promise."""
