"""The command line: parses, asks the node or the files, prints. Decides nothing.

May import everything below.
"""
