"""What is on disk: volumes, index, coverage, retention, healing, export. May import `media`."""
