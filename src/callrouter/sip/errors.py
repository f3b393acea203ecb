"""Faults of the SIP layer.

    SipError
    ├── FramingError    where the next message begins is lost; the connection must close (RFC 3261 18.3)
    └── MalformedError      one value cannot be read
        ├── HeaderError     ... of a header field
        ├── ParamError      ... of a parameter list
        └── UriError        ... of a URI

A `Raises:` list names exactly these; any other exception out of `callrouter.sip` is a bug. Texts are our own words and
never hold octets of the peer.
"""

from callrouter.reason import Reason


class SipError(ValueError):
    """Root of everything that a peer's octets may cause."""


class FramingError(SipError):
    """The stream cannot be followed any further.

    reason: one of the vocabulary; status: what to answer, where the message at fault can be answered.
    """

    def __init__(self, reason: Reason, status: int, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.status = status
        self.detail = detail


class MalformedError(SipError):
    """One value cannot be read; the message around it is whole."""


class HeaderError(MalformedError):
    """The value of a header field is outside its grammar."""


class ParamError(MalformedError):
    """A list of parameters is outside its grammar."""


class UriError(MalformedError):
    """A URI is outside its grammar."""
