"""Events, alarms, delivery."""
