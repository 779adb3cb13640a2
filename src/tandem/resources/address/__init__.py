"""A virtual address, IPv4 or IPv6: on one node of the cluster, wherever that is.

    agent --starts, asks--> holder --adds, refreshes--> kernel --forgets after a second--> nothing
    pulse --extends-------->   '-----announces, listens--> network

- `holding` decides: when to probe, add, refresh, announce, and let go. Pure.
- `netlink`, `arp`, `ndp`, `neighbours`, `messages`: bytes in, values out. Pure.
- `interface` chooses where the address belongs. Pure. `timing` has all times and their formulas.
- `holder` is a process of its own, with `rtnetlink`, `wire` (packets), `guarded` (never late).
- `resource` and `grip` are the agent's and the pulse's hands on it; `kind` makes them of options,
  `belongings` reads those; `asking` and `ending` are what both hands do.

`docs/design/address.md` says why, with figures. May import `tandem.resources.kind`, `options`
and `waiting`, `tandem.cluster.exclusive.values`, `tandem.recording.own_thread`, `tandem.clock`.
"""
