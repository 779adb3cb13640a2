"""Cost of downtime, availability, sizing, the report."""
