"""Whether a node is fit for its work, before and after installation: `tandem check`.

Each file has one concern: a judgement (pure, of facts to findings) and, below it, the look at this
machine that gets the facts. All looks run at once, each in a thread of its own with a deadline: a
disk that hangs must not keep the others from being told of.

finding       what a check says: pass, warn, fail or unchecked, with evidence and remedy (pure)
running       many looks at once, each with a deadline
machine       which checks are made on one machine, and all of them carried out
cluster       what can only be judged of all nodes together (pure)
checking      an agent's part: its own machine, and the cluster with what others say
packets       test packets on the wire (pure)
mounts        what is mounted where
clocks, independence, store_disk, versions, ports, watchdog, capacity, volumes, limits,
ways, fencing, backups
              one concern each

May import `archive`, `resources` and the rest of `node`.
"""
