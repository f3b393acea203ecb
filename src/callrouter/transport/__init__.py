"""Bytes between sockets and sessions. Knows no SIP."""
