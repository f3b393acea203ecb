"""What is wrong with a request before any policy is asked: findings with the status that each deserves.

RFC 3261 8.1.1 (mandatory header fields), 8.2, 21.4, 21.5; RFC 4475 for the judgement in doubtful cases. A header field
that is not needed is not read, so its faults do not matter (8.2.2). Max-Forwards may be missing (peers of RFC 2543) and
is never a reason for 483 (an endpoint processes the request).
"""

from callrouter.reason import Reason
from callrouter.sip.content import parse_call_id, parse_max_forwards
from callrouter.sip.errors import MalformedError
from callrouter.sip.headers import DISPLAY_NAMES
from callrouter.sip.limits import MessageLimits
from callrouter.sip.message import Finding, PlainRequest, Request

_SUPPORTED_VERSION = "SIP/2.0"
_REQUIRED = ("via", "from", "to", "call-id", "cseq")
_REQUIRED_ONCE = ("from", "to", "call-id", "cseq")
_SINGLE = ("from", "to", "call-id", "cseq", "max-forwards")

_MISSING = {
    name: Finding(Reason.MISSING_HEADER, 400, f"Missing {DISPLAY_NAMES[name]} Header Field") for name in _REQUIRED
}
_REPEATED = {
    name: Finding(Reason.REPEATED_HEADER, 400, f"Repeated {DISPLAY_NAMES[name]} Header Field") for name in _SINGLE
}
_READ = ("via", "cseq", "from", "to", "call-id", "max-forwards")
_MALFORMED = {
    name: Finding(Reason.MALFORMED_HEADER, 400, f"Malformed {DISPLAY_NAMES[name]} Header Field") for name in _READ
}
_VERSION = Finding(Reason.UNSUPPORTED_VERSION, 505, "")
_URI_TOO_LONG = Finding(Reason.REQUEST_URI_TOO_LONG, 414, "")
_MALFORMED_URI = Finding(Reason.MALFORMED_REQUEST_URI, 400, "Malformed Request-URI")
_CSEQ_MISMATCH = Finding(Reason.CSEQ_MISMATCH, 400, "CSeq Method Does Not Match Request Method")


def validate(request: Request, limits: MessageLimits) -> tuple[Finding, ...]:
    """Everything that is wrong, the finding that decides the answer first; empty for a sound request."""
    return () if is_sound(request, limits) else diagnose(request, limits)


def is_sound(request: Request, limits: MessageLimits) -> bool:
    """Whether `diagnose` would find nothing: the same questions in the quickest order, for the many that are sound."""
    if isinstance(request, PlainRequest):
        return _is_plain_sound(request, limits)
    if request.version != _SUPPORTED_VERSION and request.version.lower() != _SUPPORTED_VERSION.lower():
        return False
    if request.defects or len(request.raw_uri) > limits.max_request_uri_bytes:
        return False
    by_name = request.headers.by_name
    try:
        for name in _REQUIRED_ONCE:
            if len(by_name[name]) != 1:
                return False
        if "max-forwards" in by_name:
            [max_forwards] = by_name["max-forwards"]
            parse_max_forwards(max_forwards)
        parse_call_id(by_name["call-id"][0])
        _ = request.uri, request.top_via, request.from_tag, request.to_tag
        is_own_method = request.cseq.method == request.method
    except (KeyError, ValueError):
        # A row that is missing, more than one value, or a MalformedError, which is a ValueError.
        return False
    return is_own_method


def _is_plain_sound(request: PlainRequest, limits: MessageLimits) -> bool:
    """Of one that was scanned: what the scanner leaves to others."""
    if len(request.raw_uri) > limits.max_request_uri_bytes:
        return False
    try:
        _ = request.uri, request.sent_by
    except MalformedError:
        return False
    return True


def diagnose(request: Request, limits: MessageLimits) -> tuple[Finding, ...]:
    """Everything that is wrong with a request, in the order of `validate`."""
    findings: list[Finding] = []
    if request.version.lower() != _SUPPORTED_VERSION.lower():
        findings.append(_VERSION)
    findings.extend(request.defects)
    _check_uri(request, limits, findings)
    by_name = request.headers.by_name
    findings.extend(_MISSING[name] for name in _REQUIRED if name not in by_name)
    findings.extend(_REPEATED[name] for name in _SINGLE if len(by_name.get(name, ())) > 1)
    _check_values(request, findings)
    return tuple(findings)


def _check_uri(request: Request, limits: MessageLimits, findings: list[Finding]) -> None:
    # Characters are octets here: a Request-URI outside ASCII is refused as malformed whatever its length.
    if len(request.raw_uri) > limits.max_request_uri_bytes:
        findings.append(_URI_TOO_LONG)
        return
    try:
        _ = request.uri
    except MalformedError:
        findings.append(_MALFORMED_URI)


def _check_values(request: Request, findings: list[Finding]) -> None:
    """Read what is there of the header fields that an answer or a transaction needs."""
    by_name = request.headers.by_name
    name = ""
    for name in _READ:
        if name in by_name:
            try:
                _read(request, name)
            except MalformedError:
                findings.append(_MALFORMED[name])
    if "cseq" in by_name and _MALFORMED["cseq"] not in findings and request.cseq.method != request.method:
        findings.append(_CSEQ_MISMATCH)


def _read(request: Request, name: str) -> object:
    """The value of one of `_READ`, kept by the request where it is used again."""
    match name:
        case "via":
            return request.top_via
        case "cseq":
            return request.cseq
        case "from":
            return request.from_tag
        case "to":
            return request.to_tag
        case "max-forwards":
            return parse_max_forwards(request.headers.by_name[name][0])
        case _:
            return parse_call_id(request.call_id)
