"""Counting frames by the numbers that simulated cameras put into them.

Shares no code with the product, whose promises it checks. May import `tandem.lab.camera.mark`, PyAV
and nothing else of Tandem.

    python -m tandem.lab.counting camera-1.ledger recording.mp4 ...

What is owed is what the camera's ledger says was delivered to at least one client.
"""
