"""Session descriptions that the tests of this room share."""

KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
"""30 octets as base64: the peer's key."""

OWN_KEY = "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR"

PHONE = b"""v=0\r
o=phone 29739 7272939 IN IP4 192.0.2.1\r
s=-\r
c=IN IP4 192.0.2.1\r
t=0 0\r
m=audio 49170 RTP/AVP 9 8 0 18 101\r
a=rtpmap:9 G722/8000\r
a=rtpmap:8 PCMA/8000\r
a=rtpmap:0 PCMU/8000\r
a=rtpmap:18 G729/8000\r
a=fmtp:18 annexb=no\r
a=rtpmap:101 telephone-event/8000\r
a=fmtp:101 0-15\r
a=ptime:30\r
a=sendrecv\r
"""
"""What a desk phone sends."""


def make_body(*media_lines: str, session_lines: tuple[str, ...] = ()) -> bytes:
    """A description with these lines after those that every session has."""
    session = ("v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0", *session_lines)
    return "\r\n".join([*session, *media_lines, ""]).encode()
