"""What is wrong with a request before any policy is asked: findings with the status that each deserves.

RFC 3261 8.1.1 (mandatory header fields), 8.2, 21.4, 21.5; RFC 4475 for the judgement in doubtful cases. A header field
that is not needed is not read, so its faults do not matter (8.2.2). Max-Forwards may be missing (peers of RFC 2543) and
is never a reason for 483 (an endpoint processes the request).
"""

from collections.abc import Callable

from callrouter.reason import Reason
from callrouter.sip.content import parse_max_forwards
from callrouter.sip.errors import MalformedError
from callrouter.sip.headers import DISPLAY_NAMES
from callrouter.sip.limits import MessageLimits
from callrouter.sip.message import Finding, Request

_SUPPORTED_VERSION = "SIP/2.0"
_REQUIRED = ("via", "from", "to", "call-id", "cseq")
_SINGLE = ("from", "to", "call-id", "cseq", "max-forwards")

_MISSING = {
    name: Finding(Reason.MISSING_HEADER, 400, f"Missing {DISPLAY_NAMES[name]} Header Field") for name in _REQUIRED
}
_REPEATED = {
    name: Finding(Reason.REPEATED_HEADER, 400, f"Repeated {DISPLAY_NAMES[name]} Header Field") for name in _SINGLE
}
_MALFORMED = {
    name: Finding(Reason.MALFORMED_HEADER, 400, f"Malformed {DISPLAY_NAMES[name]} Header Field")
    for name in ("via", "from", "to", "call-id", "cseq", "max-forwards")
}
_VERSION = Finding(Reason.UNSUPPORTED_VERSION, 505, "")
_URI_TOO_LONG = Finding(Reason.REQUEST_URI_TOO_LONG, 414, "")
_MALFORMED_URI = Finding(Reason.MALFORMED_REQUEST_URI, 400, "Malformed Request-URI")
_CSEQ_MISMATCH = Finding(Reason.CSEQ_MISMATCH, 400, "CSeq Method Does Not Match Request Method")

_READERS: tuple[tuple[str, Callable[[Request], object]], ...] = (
    ("via", lambda request: request.top_via),
    ("cseq", lambda request: request.cseq),
    ("from", lambda request: request.from_tag),
    ("to", lambda request: request.to_tag),
)


def validate(request: Request, limits: MessageLimits) -> tuple[Finding, ...]:
    """Everything that is wrong, the finding that decides the answer first; empty for a sound request."""
    findings: list[Finding] = []
    if request.version != _SUPPORTED_VERSION and request.version.upper() != _SUPPORTED_VERSION:
        findings.append(_VERSION)
    findings.extend(request.defects)
    _check_uri(request, limits, findings)
    headers = request.headers
    findings.extend(_MISSING[name] for name in _REQUIRED if name not in headers)
    findings.extend(_REPEATED[name] for name in _SINGLE if len(headers.rows(name)) > 1)
    for name, read in _READERS:
        try:
            if name in headers:
                read(request)
        except MalformedError:
            findings.append(_MALFORMED[name])
    _check_scalars(request, findings)
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


def _check_scalars(request: Request, findings: list[Finding]) -> None:
    headers = request.headers
    if headers.get("call-id") == "":
        findings.append(_MALFORMED["call-id"])
    max_forwards = headers.get("max-forwards")
    if max_forwards is not None:
        try:
            parse_max_forwards(max_forwards)
        except MalformedError:
            findings.append(_MALFORMED["max-forwards"])
    if "cseq" in headers and _MALFORMED["cseq"] not in findings and request.cseq.method != request.method:
        findings.append(_CSEQ_MISMATCH)
