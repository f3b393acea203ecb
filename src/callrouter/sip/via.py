"""Via: where an answer goes and which transaction a request belongs to (RFC 3261 20.42, 18.2.1; RFC 3581 4)."""

from collections.abc import Callable
from typing import NamedTuple

from callrouter.sip.errors import HeaderError, ParamError, UriError
from callrouter.sip.grammar import LWS, is_param_value, is_token
from callrouter.sip.params import Params, parse_params, split_outside_quotes
from callrouter.sip.uri import canonical_ipv6, parse_host_port

MAGIC_COOKIE = "z9hg4bk"
"""What a branch of RFC 3261 begins with, lower-cased (8.1.1.7)."""

_PROTOCOL_PARTS = 3


class Via(NamedTuple):
    """One Via value. A tuple, because one is made for every message and a frozen dataclass costs thrice as much."""

    transport: str
    """As written."""
    host: str
    """sent-by: lower case, IPv6 without brackets."""
    port: int | None
    params: Params

    @property
    def branch(self) -> str:
        """The branch, lower-cased because tokens compare so (RFC 3261 7.3.1); "" where there is none."""
        return (self.params.get("branch") or "").lower()

    @property
    def sent_by(self) -> str:
        """host:port as the transaction is matched by (17.2.3)."""
        return _join_sent_by(self.host, self.port)


class SentBy(NamedTuple):
    """What stands before the parameters."""

    transport: str
    host: str
    port: int | None
    text: str
    """As `Via.sent_by`."""


def parse_via(text: str, recall_sent_by: Callable[[str], SentBy] | None = None) -> Via:
    """Read one Via value, strictly: an empty or repeated parameter is an error (RFC 4475 3.1.2.1).

    recall_sent_by: as `parse_sent_by`, of whoever remembers it, as a peer always writes the same.

    Raises:
        HeaderError: outside the grammar.
    """
    head, semicolon, raw_params = text.partition(";")
    transport, host, port, _ = parse_sent_by(head) if recall_sent_by is None else recall_sent_by(head)
    if raw_params[:7] == "branch=" and is_token(raw_params[7:]):
        return Via(transport, host, port, {"branch": raw_params[7:]})
    try:
        params = parse_params(raw_params) if semicolon else {}
    except ParamError as error:
        raise HeaderError(str(error)) from error
    _check_values(params)
    return Via(transport, host, port, params)


def parse_sent_by(head: str) -> SentBy:
    """Read what stands before the parameters.

    Raises:
        HeaderError: outside the grammar.
    """
    if head[:8] == "SIP/2.0/":
        transport, _, sent_by = head[8:].partition(" ")
    else:
        transport, sent_by = _cut_spaced(head)
    if not (transport.isalpha() and transport.isascii()) and not is_token(transport):
        transport, sent_by = _cut_spaced(head)
    try:
        host, port = parse_host_port(_without_spaces(sent_by))
    except UriError as error:
        raise HeaderError(str(error)) from error
    return SentBy(transport, host, port, _join_sent_by(host, port))


def _join_sent_by(host: str, port: int | None) -> str:
    if port is None:
        return host
    # Without the brackets, a port would read as the last group of an IPv6 address.
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _without_spaces(sent_by: str) -> str:
    # "host : 5060" is legal (H05).
    if " " not in sent_by and "\t" not in sent_by:
        return sent_by
    return ":".join(piece.strip(LWS) for piece in sent_by.split(":"))


def _cut_spaced(head: str) -> tuple[str, str]:
    """Transport and sent-by of `SIP / 2.0 / TCP  host : 5060`: white space around the slashes is legal (H05)."""
    parts = head.replace("\t", " ").split("/")
    if len(parts) != _PROTOCOL_PARTS:
        raise HeaderError("sent-protocol is malformed")
    name, version = parts[0].strip(LWS), parts[1].strip(LWS)
    transport, _, sent_by = parts[2].strip(LWS).partition(" ")
    if not (is_token(name) and is_token(version) and is_token(transport)):
        raise HeaderError("sent-protocol is malformed")
    return transport, sent_by


def _check_values(params: Params) -> None:
    for value in params.values():
        if value is not None and not is_param_value(value):
            raise HeaderError("a parameter's value is malformed")
    # RFC 5118 4.5: an IPv6 address in `received` is accepted with and without brackets.
    received = params.get("received")
    if received is not None and ":" in received:
        try:
            canonical_ipv6(received.strip("[]"))
        except UriError as error:
            raise HeaderError(str(error)) from error


def split_vias(text: str) -> list[str]:
    """The values of one Via header field row, each as written.

    Raises:
        HeaderError: a quoted string does not end.
    """
    if "," not in text:
        return [text]
    try:
        return [value.strip(LWS) for value in split_outside_quotes(text, ",")]
    except ParamError as error:
        raise HeaderError(str(error)) from error


def stamp_via(text: str, via: Via, address: str, port: int) -> str:
    """The top Via as the answer carries it: `received` and `rport` set to where the request came from.

    Everything else stays octet for octet. `received` is added where sent-by is not the source address (18.2.1) and
    wherever `rport` asks for it (RFC 3581 4); one that the peer wrote is never believed (H02).
    """
    params = via.params
    wants_port = "rport" in params
    if not wants_port and via.host == address and "received" not in params:
        return text
    if "received" not in params and not wants_port:
        return f"{text};received={address}"
    kept = []
    for piece in split_outside_quotes(text, ";"):
        name = piece.partition("=")[0].strip(LWS).lower()
        if name == "received":
            continue
        kept.append(f"rport={port}" if name == "rport" else piece)
    if wants_port or via.host != address:
        kept.append(f"received={address}")
    return ";".join(kept)
