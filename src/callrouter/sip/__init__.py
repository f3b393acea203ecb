"""SIP for a user agent server, sans-I/O: bytes in, messages out, answers as bytes. Knows no transport and no policy."""
