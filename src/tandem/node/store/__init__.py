"""The store: what the cluster must agree on, and nothing else. See docs/reference/store.md.

errors      what may go wrong, told apart by what may be concluded
model       what is asked and answered, as values
protocol    `Store`, as everything else in Tandem knows it
follow      a prefix, always the whole of it: what consumers take
settle      what became of a transaction whose outcome is unknown

Deciding, pure:
gateway     questions as etcd's JSON gateway takes them
answers     what it answers, as values
refusals    what it says instead, and what may be concluded
guard       answers from the past are refused
keyspace    keys with their history, in memory

Acting:
endpoint    one address of one member
etcd        `Store` on all of them
fake        `Store` in memory, with faults on demand, for tests and the simulator
"""
