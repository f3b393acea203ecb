"""Status codes and their phrases (RFC 3261 21, and the RFCs that added codes). No phrase ever holds a peer's octets."""

from types import MappingProxyType

from callrouter.sip.errors import HeaderError
from callrouter.sip.grammar import is_digits

_PHRASES = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    303: "See Other",
    305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    421: "Extension Required",
    423: "Interval Too Brief",
    433: "Anonymity Disallowed",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    493: "Undecipherable",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
}

PHRASES = MappingProxyType(_PHRASES)
"""Status code -> reason phrase."""

_STATUS_LINES = {status: f"SIP/2.0 {status} {phrase}\r\n" for status, phrase in _PHRASES.items()}


def status_line(status: int, phrase: str = "") -> str:
    """The status line with its CRLF; `phrase` replaces the standard one and must be our own words (B15)."""
    if phrase:
        return f"SIP/2.0 {status} {phrase}\r\n"
    return _STATUS_LINES.get(status) or f"SIP/2.0 {status} \r\n"


def parse_status_line(text: str) -> tuple[int, str]:
    """Status code and reason phrase of a response (7.2).

    Raises:
        HeaderError: not the start line of a SIP/2.0 response.
    """
    version, _, rest = text.partition(" ")
    code, _, phrase = rest.partition(" ")
    if version.lower() != "sip/2.0" or len(code) != len("200") or not is_digits(code) or not "1" <= code[0] <= "6":
        raise HeaderError("not a status line")
    return int(code), phrase
