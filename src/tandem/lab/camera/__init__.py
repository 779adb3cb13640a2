"""Simulated cameras: an RTSP server that plays numbered pictures and misbehaves on request.

Shares no code with the product, whose receiver it tests. May import `tandem.clock` and PyAV.

    python -m tandem.lab.camera --config cameras.json --cache DIR --ledgers DIR --control SOCKET

`cameras.json` is `{"version": 1, "cameras": [{"number": 1, "port": 8554}, ...]}`; `config` and
`profile` say what else a camera can be told, `control` how to let a fault begin, `faults` which
there are, and `ledger` what a camera writes down about itself.

The way of a picture: `encode` has ffmpeg encode material once; `material` reads it; `packing` lays
out its RTP packets once; `playback` says which picture comes next; `camera` takes it when it is due
and gives it a number; each `session` stamps a copy for its client and hands it to a `sink`.
"""
