"""One member of the store, run for the agent: etcd as a child that outlives it.

options     what etcd is told (pure)
diagnosis   what its log says of why it ended (pure)
process     finding, watching and stopping a process that is nobody's child
member      `EtcdMember`: start, health, stop, and keeping it running
"""
