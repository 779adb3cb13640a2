"""The agent on each server: pulse, supervisor, store client, fencing, preflight checks."""
