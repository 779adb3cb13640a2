"""Counting frames by the numbers that simulated cameras put into them.

Shares no code with the product, whose promises it checks.
"""
