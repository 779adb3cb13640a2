"""Cluster numbers and the file catalogue."""
