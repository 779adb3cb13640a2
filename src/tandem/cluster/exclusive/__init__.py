"""Exclusive resources: who may run each, so that none ever runs twice (docs/design/exclusive.md).

Sans-I/O: `machine.step(state, event, now_us) -> (state, effects)`, the times in microseconds of
CLOCK_BOOTTIME. The process `pulse` runs it, and so does the simulator. One concept a file, and each
numbered rule of the design one small function:

- what is said: `events`; what is stored: `values`; how long it takes: `timing`; what is known:
  `state`
"""
