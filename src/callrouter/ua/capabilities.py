"""What our user agents can do, as header lines say it, and what a request asks beyond that (RFC 3261 8.2.2.3, 20.5)."""

from typing import Final

from callrouter.sip.errors import MalformedError
from callrouter.sip.headers import Headers
from callrouter.sip.option_tags import parse_token_list
from callrouter.sip.respond import header_line

ALLOW: Final = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE"
"""Of the methods in the published trace (EXCHANGE-UM B 4.2) those that are served."""
ALLOW_LINE: Final = header_line("Allow", ALLOW)
SUPPORTED: Final = frozenset({"100rel"})
"""Option tags that a peer may require."""
SUPPORTED_LINE: Final = header_line("Supported", "100rel")
SDP_LINE: Final = header_line("Content-Type", "application/sdp")
ACCEPT_LINE: Final = header_line("Accept", "application/sdp")
ACCEPT_LINES: Final = ACCEPT_LINE + header_line("Accept-Encoding", "identity")
"""What a body has to be like (8.2.3)."""
CAPABILITIES: Final = ALLOW_LINE + ACCEPT_LINES + header_line("Accept-Language", "en") + SUPPORTED_LINE


def find_unsupported(headers: Headers) -> str:
    """What a request requires and is not done here, as Unsupported lists it (8.2.2.3); "" where that is nothing."""
    try:
        required = parse_token_list(headers.rows("require"))
    except MalformedError:
        return ""
    return ", ".join([tag for tag in required if tag.lower() not in SUPPORTED])


def requires_100rel(headers: Headers) -> bool:
    """Whether the sender insists on reliable provisional responses (RFC 3262 3, 4)."""
    try:
        return "100rel" in [tag.lower() for tag in parse_token_list(headers.rows("require"))]
    except MalformedError:
        return False
