"""How a user agent refuses a request that belongs to none of its calls (RFC 3261 8.2.1, 12.2.2). Pure.

allow_line: the header line Allow of that user agent, which a 405 has to have (21.4.6).
"""

from typing import Final

from callrouter.dispatcher import KNOWN_METHODS
from callrouter.reason import Reason
from callrouter.sip.message import Request
from callrouter.sip.transaction import InviteTransaction
from callrouter.ua.endpoint import Endpoint

_DIALOG_METHODS: Final = frozenset({"BYE", "INFO", "PRACK", "UPDATE"})
"""They mean nothing outside a dialog."""


def refuse_stray_invite(
    endpoint: Endpoint, invite: Request, transaction: InviteTransaction, now: float, allow_line: str
) -> None:
    """An INVITE to a user agent that takes no calls, or a re-INVITE that has lost its way."""
    if invite.to_tag:
        endpoint.reject_invite(transaction, Reason.NO_DIALOG, now)
    else:
        endpoint.reject_invite(transaction, Reason.METHOD_NOT_ALLOWED, now, allow_line)


def refuse_stray_request(endpoint: Endpoint, request: Request, now: float, allow_line: str) -> None:
    """Any other request but ACK and CANCEL."""
    if request.to_tag or request.method in _DIALOG_METHODS:
        endpoint.reject(request, Reason.NO_DIALOG, now)
    else:
        is_known = request.method in KNOWN_METHODS
        reason = Reason.METHOD_NOT_ALLOWED if is_known else Reason.UNKNOWN_METHOD
        endpoint.reject(request, reason, now, allow_line)
