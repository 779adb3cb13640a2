"""Camera to disk: sources, segment writer, recorder process, promises between copies.

May import `archive`, which it writes into, and `media`, which it receives with.
"""
