"""Simulated cameras: an RTSP server that plays numbered pictures and misbehaves on request.

Shares no code with the product, whose receiver it tests.
"""
