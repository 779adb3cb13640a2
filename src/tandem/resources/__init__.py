"""What can be kept running: address, process, systemd unit.

`kind` says what every kind promises: start, stop, probe, health for the agent; extend and kill for
the pulse. Each kind is a package or a module of its own beside it, knows nothing of the others, and
decides nothing: when to start, stop and extend is for the engine in `tandem.cluster`, which knows
nothing of kinds.

The one rule: a stop that is not proven raises `StopUnproven`, and a probe that cannot tell raises
`ProbeError`. No kind ever takes its own word, or a program's exit status, for the proof that
something has ended: it asks the kernel.

May import `tandem.cluster` and what lies below.
"""
