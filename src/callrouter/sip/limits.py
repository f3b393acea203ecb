"""How much of a message is taken in before it is refused. Each has one setting in the group `limits`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MessageLimits:
    """Bounds that the framer and the parser keep, in octets and counts."""

    max_head_bytes: int = 65536
    """Start line and header fields together; over it 513 and close, because the end of the message is unknown."""
    max_headers: int = 256
    """Header field rows; over it 513, and the connection stays, because the Content-Length among them counts."""
    max_request_uri_bytes: int = 4096
    """Over it 414, the connection stays."""
    max_body_bytes: int = 131072
    """A larger Content-Length gets 413 and close: the body is not waited for."""
