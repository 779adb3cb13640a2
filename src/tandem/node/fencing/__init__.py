"""Switching another node off for certain, and ending this machine: docs/design/fencing.md.

What stands here:

- `definition`: by which devices a node is fenced, as the store keeps it; `sealing` its secrets
- `agent` one call of a fence agent, `metadata` what an agent says of itself
- `device` what a device confirms, `fencer` the hands of the exclusive engine
- `trial` whether a device would do it: `tandem fence test`
- `self_fence` the end of this machine: its watchdog, else the kernel's sysrq
- `exposure` what is open without fencing, in sentences; pure

The pulse imports this, so it may import `cluster`, the clock and the standard library, and for
`sealing` the cryptography; nothing of recording or of the web.
"""
