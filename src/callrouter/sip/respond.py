"""Answers as bytes (RFC 3261 8.2.6): Via, From, To, Call-ID and CSeq are copied as they came, the rest is ours.

Only the top Via changes (received, rport), and To gains our tag. No CR or LF can get in: copied values were cut at line
ends by the parser, and what settings add was checked when they were loaded (`header_line` checks it once more).
"""

from callrouter.sip.errors import HeaderError, MalformedError
from callrouter.sip.grammar import encode
from callrouter.sip.message import PlainRequest, Request
from callrouter.sip.status import status_line
from callrouter.sip.via import split_vias, stamp_via
from callrouter.sip.writer import join, make_tag

_END = "Content-Length: 0\r\n\r\n"
UPPER_CASE_END = "CONTENT-LENGTH: 0\r\n\r\n"
"""The end of an answer as the published trace has it (EXCHANGE-UM B 4.2); may close the `extra` of `build_response`."""
_EMPTY_LINE = "\r\n\r\n"


def make_to_tag(request: Request, key: bytes, salt: str = "") -> str:
    """A To tag that every answer to this request shares, and no other request.

    It is a hash of what names the transaction, so it needs no state: a CANCEL gets the tag of its INVITE (9.2), a
    request that comes again on another connection gets the same one (RFC 6026 7). key: random octets, without which it
    cannot be guessed (19.3), beside the secret of the process that the hash of text is keyed by already (SipHash).
    salt: for the tag of a dialog, which has to be another one where the very same request comes twice.
    """
    # The sequence number without its method: CANCEL and INVITE of one transaction share it, as they share the top Via.
    # Of From the tag, because its hash is known already: a table of transactions is asked by it. Rows where all else
    # cannot be read.
    call_id = request.call_id_row
    try:
        if isinstance(request, PlainRequest):
            branch, sent_by, number = request.branch, request.sent_by.text, request.number
        else:
            branch, sent_by, number = request.top_via.branch, request.top_via.sent_by, request.cseq.number
        return make_tag((key, salt, branch, sent_by, request.from_tag or request.from_row, call_id, number))
    except MalformedError:
        number_text = (request.cseq_row or "").partition(" ")[0]
        return make_tag((key, salt, request.via_row, request.from_row, call_id, number_text))


def header_line(name: str, value: str) -> str:
    """One header field with its CRLF.

    Raises:
        HeaderError: CR, LF or NUL in the value (rule 9 of the design).
    """
    if "\r" in value or "\n" in value or "\0" in value:
        raise HeaderError("a header value holds a line end")
    return f"{name}: {value}\r\n"


def build_response(
    request: Request, status: int, source: tuple[str, int], *, to_tag: str, phrase: str = "", extra: str = ""
) -> bytes:
    """The head of a response, and all of one without a body.

    source: (address, port) of the peer. to_tag: added where To has none; "" adds none (a 100, D05). extra: header
    lines made by `header_line`; where they close the head with an empty line, Content-Length is among them already.
    Header fields that the request lacks are left out.
    """
    via, from_, to = request.via_row, request.from_row, request.to_row
    call_id, cseq = request.call_id_row, request.cseq_row
    tag = f";tag={to_tag}" if to_tag and to is not None and not _has_tag(request) else ""
    end = "" if extra.endswith(_EMPTY_LINE) else _END
    if via is None or from_ is None or to is None or call_id is None or cseq is None:
        vias = "" if via is None else f"Via: {_stamped(request, via, source)}\r\n{request.more_via_lines}"
        parties = f"{_copied('From', from_, '')}{_copied('To', to, tag)}"
        names = f"{_copied('Call-ID', call_id, '')}{_copied('CSeq', cseq, '')}"
        return encode(f"{status_line(status, phrase)}{vias}{parties}{names}{extra}{end}")
    # fmt: off
    return join((
        status_line(status, phrase), "Via: ", _stamped(request, via, source), "\r\n", request.more_via_lines,
        "From: ", from_, "\r\nTo: ", to, tag, "\r\nCall-ID: ", call_id, "\r\nCSeq: ", cseq, "\r\n", extra, end,
    ))
    # fmt: on


def _copied(name: str, row: str | None, tag: str) -> str:
    return "" if row is None else f"{name}: {row}{tag}\r\n"


def record_route_lines(invite: Request) -> str:
    """What every answer that makes a dialog copies from its INVITE: the Record-Route rows in their order (12.1.1)."""
    return "".join([f"Record-Route: {row}\r\n" for row in invite.headers.rows("record-route")])


def end_of_head(body: bytes) -> str:
    """The end of the `extra` lines of a response that this body follows."""
    return f"Content-Length: {len(body)}{_EMPTY_LINE}"


def _stamped(request: Request, row: str, source: tuple[str, int]) -> str:
    """The first Via row, its first value stamped; a Via that cannot be read goes back as it came."""
    try:
        if isinstance(request, PlainRequest) and not request.wants_port and request.sent_by.host == source[0]:
            return row
        via = request.top_via
        if "," not in row:
            return stamp_via(row, via, *source)
        first, *others = split_vias(row)
        return ", ".join([stamp_via(first, via, *source), *others])
    except MalformedError:
        return row


def _has_tag(request: Request) -> bool:
    try:
        return bool(request.to_tag)
    except MalformedError:
        return False
