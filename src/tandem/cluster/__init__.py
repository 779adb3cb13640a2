"""Sessions, suspicion, eviction, ownership, placement, the plan.

Sans-I/O; imports nothing of Tandem.
"""
