"""What whoever helps an administrator needs to see of a node, in one file and without secrets.

redaction   taking secrets out of any text (pure)
secrets     which secrets this node knows
place       where the node is, also where its settings are damaged
collectors  what is looked at, each with a deadline
bundle      the file; every text passes redaction on its way into it

Needs no agent: it is there for when nothing works. May import all of `tandem.node`.
"""
