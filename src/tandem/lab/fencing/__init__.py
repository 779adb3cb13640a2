"""The lab's power switch, and the fence agent that asks it.

- `switch` what cuts a host's power when it is asked, over a socket that every host can reach
- `fence_lab` the agent: a program by the protocol of stock agents, run as they are
- `setup` gives both to a lab

May import `tandem.lab.hosts`; `fence_lab` runs alone, without Tandem.
"""
