"""Exclusive resources: who may run each, so that none ever runs twice (docs/design/exclusive.md).

Sans-I/O: `machine.step(state, event, now_us) -> (state, effects)`, the times in microseconds of
CLOCK_BOOTTIME. The process `pulse` runs it, and so does the simulator. One concept a file, and each
numbered rule of the design one small function:

- what is said: `events`, between nodes by `wire`; what is stored: `values`, and where each is to
  run as a `tandem.cluster.order`; how long it takes: `timing`; what is known: `state`, read of the
  store by `views`
- what is written: `chain`, one transaction after the other
- until when this node may hold: `guarantee`, prolonged by promises in `failsafe`
- whose session is ended: `eviction`, and for good by `fencing`
- what is free: `ownership`, and sooner if it is `soft`; who takes and gives back: `taking`
- what runs here: `running`
- all of it together: `machine`
"""
