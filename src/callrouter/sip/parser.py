"""The head of a message: start line and header rows. Never fails: what is wrong becomes a defect of the message.

RFC 3261 7.1, 7.2, 7.3.1 (folding), 25.1. No header value is read here, except that rows are cut, unfolded and stripped.
"""

from callrouter.reason import Reason
from callrouter.sip.grammar import LWS, is_token
from callrouter.sip.headers import SPELLINGS, Headers, canonical_name, cut_plain_rows
from callrouter.sip.memo import Memo
from callrouter.sip.message import Finding, Request, Response

_REQUEST_LINE_PARTS = 3

_BARE_LINE_END = Finding(Reason.BARE_LINE_END, 400, "Bare CR or LF In Header")
_NO_COLON = Finding(Reason.MALFORMED_HEADER, 400, "Malformed Header Line")
_BAD_START_LINE = Finding(Reason.MALFORMED_START_LINE, 400, "Malformed Request-Line")
_TOO_MANY_HEADERS = Finding(Reason.MESSAGE_TOO_LARGE, 513, "Too Many Header Fields")


def parse_head(head: str, max_headers: int, memo: Memo | None = None) -> Request | Response:
    """Cut a head (without the empty line that ends it) into its parts.

    Of the rows beyond `max_headers` only those are kept that frame the message. memo: that of the connection, which
    the request will ask.
    """
    if memo is None:
        memo = Memo()
    lines = head.split("\r\n")
    defects: list[Finding] = []
    joined = "".join(lines)
    if "\n" in joined or "\r" in joined:
        # B27: what looks like a line end to a sloppy reader must reach no answer.
        defects.append(_BARE_LINE_END)
        lines = [line.replace("\r", " ").replace("\n", " ") for line in lines]
    start_line = lines.pop(0)
    surplus: list[str] = []
    if len(lines) > max_headers:
        defects.append(_TOO_MANY_HEADERS)
        lines, surplus = _cut_surplus(lines, max_headers)
    # Two spaces, a tab or a space before a line end: somewhere there is white space to be stripped.
    is_plain = not defects and "\t" not in head and "  " not in head and " \r" not in head and head[-1:] != " "
    by_name = (cut_plain_rows(lines) if is_plain else None) or _cut_rows(lines, defects)
    if surplus:
        _keep_framing(by_name, surplus)
    headers = Headers(by_name)
    # Lower case, because the upper case of letters outside ASCII may lie inside it.
    if start_line[:4].lower() == "sip/":
        return Response(start_line, headers)
    parts = start_line.split(" ")
    if len(parts) == _REQUEST_LINE_PARTS and is_token(parts[0]) and parts[2][:4].lower() == "sip/":
        return Request(parts[0], parts[1], parts[2], headers, tuple(defects), memo)
    # Enough is kept to answer: the method tells an ACK, which gets no answer, from the rest.
    words = start_line.split()
    method = words[0] if words else ""
    return Request(method, "", "SIP/2.0", headers, (_BAD_START_LINE, *defects), memo)


def _cut_surplus(lines: list[str], max_headers: int) -> tuple[list[str], list[str]]:
    """The rows that are kept, and those beyond; a folded row is not torn."""
    end = max_headers
    while end < len(lines) and lines[end][:1] in (" ", "\t"):
        end += 1
    return lines[:end], lines[end:]


def _keep_framing(by_name: dict[str, list[str]], surplus: list[str]) -> None:
    """Take over from rows beyond the limit what says where the next message begins; else a body is taken for one."""
    beyond = _cut_rows(surplus, [])
    for name in ("content-length", "content-type"):
        if name in beyond:
            by_name.setdefault(name, []).extend(beyond[name])


def _cut_rows(lines: list[str], defects: list[Finding]) -> dict[str, list[str]]:
    by_name: dict[str, list[str]] = {}
    spelling = SPELLINGS.get
    name: str | None = None
    for line in lines:
        raw_name, colon, value = line.partition(":")
        previous, name = name, spelling(raw_name)
        if name is None or not colon:
            if line[:1] in (" ", "\t"):
                name = previous
                _continue_row(by_name.get(name or ""), line, defects)
                continue
            name = canonical_name(raw_name) if colon else ""
            if not name:
                defects.append(_NO_COLON)
                continue
        if name in by_name:
            by_name[name].append(value.strip(LWS))
        else:
            by_name[name] = [value.strip(LWS)]
    return by_name


def _continue_row(current: list[str] | None, line: str, defects: list[Finding]) -> None:
    """Folding: the line break and the white space around it are one SP (7.3.1)."""
    if current is None:
        # The start line, or a row without a name, cannot be continued.
        defects.append(_NO_COLON)
    else:
        current[-1] = f"{current[-1]} {line.strip(LWS)}".strip(LWS)
