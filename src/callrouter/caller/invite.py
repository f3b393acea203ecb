"""The INVITE of each hop: the same From, To and Call-ID, the next CSeq, all of Diversion and History-Info.

RFC 3261 8.1.1, 8.1.3.4. A Contact may want header fields of its own in the request (19.1.5); they replace those of the
same name, but for the history of the call, which they add to.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from callrouter.caller.spec import CallSpec
from callrouter.caller.target import OWN_HEADERS, Target, UnusableTarget, parse_target
from callrouter.sip.address import parse_name_addr
from callrouter.sip.content import parse_call_id, parse_content_type
from callrouter.sip.errors import MalformedError
from callrouter.sip.headers import canonical_name
from callrouter.sip.request import OutgoingRequest
from callrouter.sip.respond import header_line
from callrouter.sip.uri import SipUri
from callrouter.sip.words import ANONYMOUS, address_of

_HISTORY: Final = frozenset({"diversion", "history-info"})


class UnusableSpec(ValueError):  # noqa: N818 - STYLE: errors say what was wrong
    """A call that cannot be placed as described. The text is one sentence, and may hold what was said."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What all requests of one call have in common (12, 8.1.3.4): values as the header fields carry them."""

    call_id: str
    from_: str
    """With our tag."""
    to: str


def check_spec(spec: CallSpec) -> Target:
    """Where the call goes first.

    Raises:
        UnusableSpec: it cannot be placed as described.
    """
    try:
        target = parse_target(spec.uri, spec.transport)
    except UnusableTarget as error:
        raise UnusableSpec(f"{spec.uri} cannot be called: {error}") from error
    for name, _ in spec.headers:
        if not canonical_name(name) or canonical_name(name) in OWN_HEADERS | _HISTORY:
            raise UnusableSpec(
                f"the header field {name} is not to be given: it has its own option, or is ours to write"
            )
    try:
        if spec.body is not None:
            parse_content_type(spec.body.content_type)
        identity = identify(spec, "localhost", lambda: "0")
        build_invite(spec, identity, target, 1, "").build()
    except MalformedError as error:
        raise UnusableSpec(f"the call cannot be written as a request: {error}") from error
    except UnicodeEncodeError as error:
        raise UnusableSpec("what was said is not text that could be sent") from error
    return target


def identify(spec: CallSpec, local_host: str, make_token: Callable[[], str]) -> Identity:
    """Who calls whom. local_host: our own address as a URI writes it.

    Raises:
        MalformedError: From, To or Call-ID are none.
    """
    from_ = address_of(spec.from_, local_host) if spec.from_ else ANONYMOUS
    if not parse_name_addr(from_).tag:
        from_ = f"{from_};tag={make_token()}"
    to = address_of(spec.to, _host_of(spec)) if spec.to else f"<{parse_target(spec.uri).uri}>"
    parse_name_addr(to)
    call_id = parse_call_id(spec.call_id) if spec.call_id else f"{make_token()}@{local_host}"
    return Identity(call_id, from_, to)


def build_invite(spec: CallSpec, identity: Identity, target: Target, number: int, user_agent: str) -> OutgoingRequest:
    """The INVITE to one target, without what depends on the connection. number: of CSeq.

    Raises:
        HeaderError: a value holds a line end.
    """
    host = _host_of(spec)
    wanted = {canonical_name(name) for name, _ in target.headers} - _HISTORY
    rows = [
        *(("Diversion", address_of(each, host)) for each in spec.diversions),
        *(("History-Info", address_of(each, host)) for each in spec.history_info),
        *target.headers,
        *((name, value) for name, value in spec.headers if canonical_name(name) not in wanted),
    ]
    if user_agent and not any(canonical_name(name) == "user-agent" for name, _ in spec.headers):
        rows.append(("User-Agent", user_agent))
    lines = "".join([header_line(name, value) for name, value in rows])
    return OutgoingRequest(
        "INVITE", target.uri, identity.from_, identity.to, identity.call_id, number, target.routes, lines
    )


def _host_of(spec: CallSpec) -> str:
    """The host that is called, as a URI writes it."""
    uri = parse_target(spec.uri, spec.transport).parsed
    return uri._replace(port=None).host_port if isinstance(uri, SipUri) else ""
