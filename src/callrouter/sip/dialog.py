"""Dialogs: what two user agents remember of each other between INVITE and BYE (RFC 3261 12). No state of the call.

Made of an INVITE (by who answers) or of its 2xx (by who called); gives the requests inside, by loose or strict routing
(12.2.1.1), and judges the order of those that come (12.2.2).
"""

from callrouter.sip.address import parse_address_list
from callrouter.sip.errors import HeaderError, MalformedError
from callrouter.sip.grammar import LWS
from callrouter.sip.headers import Headers
from callrouter.sip.message import Request, Response
from callrouter.sip.params import split_outside_quotes
from callrouter.sip.request import OutgoingRequest
from callrouter.sip.uri import SipUri

DialogKey = tuple[str, str, str]
"""Call-ID, our tag, the peer's tag (12)."""


class Dialog:
    """One side of a dialog. Mutable: sequence numbers rise, the target may be refreshed."""

    __slots__ = (
        "call_id",
        "local",
        "local_number",
        "local_tag",
        "remote",
        "remote_number",
        "remote_tag",
        "remote_target",
        "route_set",
    )

    def __init__(
        self, call_id: str, local: str, remote: str, tags: tuple[str, str], numbers: tuple[int, int | None]
    ) -> None:
        self.call_id = call_id
        self.local = local
        """From of our requests, tag included."""
        self.remote = remote
        """To of our requests, tag included."""
        self.local_tag, self.remote_tag = tags
        self.local_number, self.remote_number = numbers
        """CSeq of the last request of ours, and of theirs; None before there was one."""
        self.remote_target = ""
        self.route_set: tuple[str, ...] = ()

    @property
    def key(self) -> DialogKey:
        """What requests inside are found by."""
        return (self.call_id, self.local_tag, self.remote_tag)

    def next_request(self, method: str, lines: str = "", body: bytes = b"") -> OutgoingRequest:
        """A request inside the dialog, with a number of its own. An ACK has none (13.2.2.4), see `request_of`."""
        self.local_number += 1
        return self.request_of(method, self.local_number, lines, body)

    def request_of(self, method: str, number: int, lines: str = "", body: bytes = b"") -> OutgoingRequest:
        """A request inside the dialog with this sequence number: an ACK has that of its INVITE, whatever came since."""
        uri, routes = self.remote_target, self.route_set
        if routes and not _is_loose(routes[0]):
            # A strict router of RFC 2543 wants its own URI in the Request-URI, and the target last (12.2.1.1).
            uri, routes = _uri_of(routes[0]), (*routes[1:], f"<{self.remote_target}>")
        return OutgoingRequest(method, uri, self.local, self.remote, self.call_id, number, routes, lines, body)

    def takes(self, request: Request) -> bool:
        """Whether a request of the peer comes in order (12.2.2); if so its number is remembered."""
        number = request.cseq.number
        if self.remote_number is not None and number <= self.remote_number:
            return False
        self.remote_number = number
        return True

    def refresh_target(self, headers: Headers) -> None:
        """Take up the Contact of a target refresh request or its answer, where it has one that can be read (12.2)."""
        try:
            target = read_contact(headers)
        except MalformedError:
            target = ""
        if target:
            self.remote_target = target


def accept_dialog(invite: Request, local_tag: str) -> Dialog:
    """The dialog of who answers an INVITE (12.1.1).

    Raises:
        MalformedError: the INVITE has no Contact that can be read, or a Record-Route that cannot.
    """
    headers = invite.headers
    target = read_contact(headers)
    if not target:
        raise HeaderError("Missing Contact Header Field")
    to = headers.get("to") or ""
    local = to if invite.to_tag else f"{to};tag={local_tag}"
    tags = (local_tag, invite.from_tag)
    dialog = Dialog(invite.call_id, local, headers.get("from") or "", tags, (0, invite.cseq.number))
    dialog.remote_target = target
    dialog.route_set = tuple(_split_rows(headers.rows("record-route")))
    return dialog


def enter_dialog(invite: OutgoingRequest, response: Response, local_tag: str) -> Dialog:
    """The dialog of who called, by an answer with a To tag (12.1.2).

    Raises:
        MalformedError: the answer has no To, or a To, Contact or Record-Route that cannot be read. A missing Contact is
            taken for the Request-URI.
    """
    headers = response.headers
    to = headers.get("to")
    if to is None:
        raise HeaderError("Missing To Header Field")
    tags = (local_tag, response.to_tag)
    dialog = Dialog(invite.call_id, invite.from_, to, tags, (invite.number, None))
    dialog.remote_target = read_contact(headers) or invite.uri
    dialog.route_set = tuple(reversed(_split_rows(headers.rows("record-route"))))
    return dialog


def dialog_key(request: Request) -> DialogKey:
    """The dialog that a request of the peer names: our tag is in To, theirs in From.

    Raises:
        MalformedError: From or To cannot be read.
    """
    return (request.call_id, request.to_tag, request.from_tag)


def read_contact(headers: Headers) -> str:
    """The URI of the first Contact, "" where there is none.

    Raises:
        HeaderError: it cannot be read.
        UriError: its URI cannot be read.
    """
    addresses = parse_address_list(headers.rows("contact")[:1])
    if not addresses:
        return ""
    _ = addresses[0].uri
    return addresses[0].raw_uri


def _split_rows(rows: list[str]) -> list[str]:
    """Every value of every row of Record-Route, as written; each is sound, because it goes out again in our Route."""
    values = [value.strip(LWS) for row in rows for value in split_outside_quotes(row, ",")]
    for address in parse_address_list(values):
        _ = address.uri
    return values


def _is_loose(route: str) -> bool:
    """Whether a Route value has the lr parameter (19.1.1); of other schemes than ours nothing is known."""
    uri = parse_address_list([route])[0].uri
    return not isinstance(uri, SipUri) or uri.param("lr") is not None


def _uri_of(route: str) -> str:
    return parse_address_list([route])[0].raw_uri
