"""The store looks after itself: room, defragmentation, slow disks. See docs/design/store-care.md.

Deciding, pure:
view     how the members are, as values
decide   what this node is to do about it now
pace     how fast disks are and how often leaders change, from etcd's own counters
words    what of it the administrator is told

Acting:
members  asking every member of the store
carer    `Carer`: looks, decides, carries out
"""
