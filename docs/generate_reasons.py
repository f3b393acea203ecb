"""The page docs/reference/reasons.md, made from the code: what each Reason means and what the caller gets.

Regenerate it with `python docs/generate_reasons.py > docs/reference/reasons.md` (`make docs`); a test holds the page to
this text. Status, sentence, Retry-After and Warning come from `decision.REJECTIONS` and from the findings of
`sip.validate`, `sip.parser` and `sip.framer`; the sources and what no table says are written here.
"""

import sys
from collections.abc import Iterable
from types import ModuleType

from callrouter.decision import REJECTIONS, Rejection
from callrouter.reason import CallEnd, Reason
from callrouter.redirect import RULES
from callrouter.sip import parser, validate
from callrouter.sip.message import Finding
from callrouter.sip.status import PHRASES

_INTRODUCTION = """\
# Reasons

This page is generated: `python docs/generate_reasons.py > docs/reference/reasons.md`.

Every request gets its answer, and every message that gets none is dropped, for one reason. It is the field `reason` of
the log, the label `reason` of the metrics and, where `redirect.warnings` is true, part of the Warning header field of a
rejection. A3 is the table of the decision in [exchange-um.md](exchange-um.md); all other
sections are of the RFC that is named.
"""

_CLOSE = "then the connection closes"

_SOURCES: dict[Reason, str] = {
    **{reason: f"A3, rule {rule.number}: {rule.evidence}" for rule in RULES for reason in rule.reasons},
    Reason.SELF_REDIRECT: "RFC 3261 8.3",
    Reason.SERVER_ALIVE: "RFC 3261 11.2",
    Reason.CANCELLED: "RFC 3261 9.2",
    Reason.CANCEL_MATCHED: "RFC 3261 9.2",
    Reason.CANCEL_UNMATCHED: "RFC 3261 9.2",
    Reason.NO_DIALOG: "RFC 3261 12.2.2, 15.1.2",
    Reason.METHOD_NOT_ALLOWED: "RFC 3261 8.2.1, 21.4.6",
    Reason.UNKNOWN_METHOD: "RFC 3261 21.5.2",
    Reason.UNSUPPORTED_SCHEME: "RFC 3261 8.2.2.1",
    Reason.UNSUPPORTED_EXTENSION: "RFC 3261 8.2.2.3",
    Reason.UNSUPPORTED_VERSION: "RFC 3261 21.5.6",
    Reason.MERGED_REQUEST: "RFC 3261 8.2.2.2",
    Reason.MALFORMED_START_LINE: "RFC 3261 7.1; RFC 4475 3.1.2",
    Reason.MALFORMED_REQUEST_URI: "RFC 3261 19.1.1, 21.4.1",
    Reason.MALFORMED_HEADER: "RFC 3261 7.3.1, 21.4.1",
    Reason.MISSING_HEADER: "RFC 3261 8.1.1",
    Reason.REPEATED_HEADER: "RFC 3261 7.3.1; RFC 4475 3.3.8",
    Reason.CSEQ_MISMATCH: "RFC 3261 8.1.1.5; RFC 4475 3.1.2.17",
    Reason.CONTENT_LENGTH: "RFC 3261 18.3, 20.14",
    Reason.REQUEST_URI_TOO_LONG: "RFC 3261 21.4.12; limits.max_request_uri_bytes",
    Reason.BODY_TOO_LARGE: "RFC 3261 21.4.11; limits.max_body_bytes",
    Reason.MESSAGE_TOO_LARGE: "RFC 3261 21.5.7; limits.max_head_bytes, limits.max_headers",
    Reason.TOO_MANY_TRANSACTIONS: "RFC 3261 21.5.4; limits.max_transactions",
    Reason.INTERNAL_ERROR: "RFC 3261 21.5.1",
    Reason.ANSWERED: "A1; RFC 3261 13.3.1",
    Reason.HUNG_UP: "RFC 3261 15.1.2",
    Reason.SESSION_CHANGED: "RFC 3261 14.2; RFC 3311 5.2",
    Reason.INFO_TAKEN: "RFC 6086 4.2",
    Reason.PROVISIONAL_ACKNOWLEDGED: "RFC 3262 3",
    Reason.PROVISIONAL_UNACKNOWLEDGED: "RFC 3262 3",
    Reason.MISSING_CONTACT: "RFC 3261 8.1.1.8, 12.1.1",
    Reason.OUT_OF_ORDER: "RFC 3261 12.2.2",
    Reason.CHANGE_PENDING: "RFC 3261 14.2",
    Reason.CHANGE_UNFINISHED: "RFC 3261 14.2; RFC 3311 5.2",
    Reason.UNSUPPORTED_MEDIA_TYPE: "RFC 3261 21.4.13",
    Reason.MALFORMED_SDP: "RFC 8866",
    Reason.NO_COMMON_MEDIA: "RFC 3264 6",
    Reason.ACK_ABSORBED: "RFC 3261 17.2.1",
    Reason.ACK_UNMATCHED: "RFC 3261 17.1.1.3",
    Reason.RETRANSMISSION: "RFC 3261 17.2.1; RFC 6026 7.1",
    Reason.STRAY_RESPONSE: "RFC 3261 18.1.2",
    Reason.NOT_SIP: "RFC 3261 7, 18.3",
    Reason.MISSING_VIA: "RFC 3261 8.1.1.7, 18.2.2",
    Reason.BARE_LINE_END: "RFC 3261 7, 25.1",
}

_MEANINGS: dict[Reason, str] = {
    Reason.REDIRECTED: "The call is sent on to a Mailbox server",
    Reason.SERVER_ALIVE: "OPTIONS asks whether the router lives",
    Reason.CANCEL_MATCHED: "The CANCEL found its INVITE",
    Reason.UNSUPPORTED_VERSION: "The version in the start line is not SIP/2.0",
    Reason.MALFORMED_START_LINE: "The start line is no Request-Line",
    Reason.MALFORMED_REQUEST_URI: "The Request-URI cannot be read",
    Reason.MALFORMED_HEADER: "A header field that is needed cannot be read",
    Reason.MISSING_HEADER: "A header field that every request has is missing",
    Reason.REPEATED_HEADER: "A header field that may stand once stands more often",
    Reason.CSEQ_MISMATCH: "CSeq names another method than the start line",
    Reason.CONTENT_LENGTH: "Where the body ends cannot be known",
    Reason.REQUEST_URI_TOO_LONG: "The Request-URI is longer than is taken",
    Reason.BODY_TOO_LARGE: "The body is larger than is taken",
    Reason.MESSAGE_TOO_LARGE: "The head is larger, or has more rows, than is taken",
    Reason.ANSWERED: "The worker takes the call",
    Reason.HUNG_UP: "A BYE ended its call",
    Reason.SESSION_CHANGED: "A re-INVITE or UPDATE was taken",
    Reason.INFO_TAKEN: "An INFO was taken, and nothing done with it",
    Reason.PROVISIONAL_ACKNOWLEDGED: "A PRACK acknowledged the 180",
    Reason.ACK_ABSORBED: "An ACK ended its transaction",
    Reason.ACK_UNMATCHED: "An ACK belongs to no transaction, or cannot be read",
    Reason.RETRANSMISSION: "An INVITE came again; its last answer was sent again",
    Reason.STRAY_RESPONSE: "A response came, and no request was ever sent",
    Reason.NOT_SIP: "What came is not SIP",
    Reason.MISSING_VIA: "Without Via there is no way to address an answer",
    Reason.BARE_LINE_END: "CR or LF stands alone",
}
"""What no `Rejection` says in a sentence."""

_FRAMING: dict[Reason, str] = {
    Reason.CONTENT_LENGTH: f"400, {_CLOSE}",
    Reason.BODY_TOO_LARGE: f"413, {_CLOSE}",
    Reason.MESSAGE_TOO_LARGE: "513; over the limit of octets the connection closes",
    Reason.NOT_SIP: "none; the connection closes",
    Reason.MISSING_VIA: "none; the connection closes",
    Reason.BARE_LINE_END: "400; in a start line or between messages the connection closes",
}
"""What becomes of the connection, where that is not simply that it stays."""

_ANSWERS: dict[Reason, str] = {
    Reason.REDIRECTED: "302 Moved Temporarily",
    Reason.SERVER_ALIVE: "200 OK",
    Reason.CANCEL_MATCHED: "200 OK",
    Reason.ANSWERED: "200 OK",
    Reason.HUNG_UP: "200 OK",
    Reason.SESSION_CHANGED: "200 OK",
    Reason.INFO_TAKEN: "200 OK",
    Reason.PROVISIONAL_ACKNOWLEDGED: "200 OK",
    Reason.ACK_ABSORBED: "none",
    Reason.ACK_UNMATCHED: "none",
    Reason.RETRANSMISSION: "the one before, again",
    Reason.STRAY_RESPONSE: "none",
}


def render_reasons() -> str:
    """Render the page as Markdown."""
    findings = _collect_findings()
    reasons = list(Reason)
    first_of_server, first_unanswered = reasons.index(Reason.SERVER_ALIVE), reasons.index(Reason.ACK_ABSORBED)
    first_of_calls = reasons.index(Reason.MAX_CALLS)
    return "\n".join(
        [
            _INTRODUCTION,
            *_render_table("Decisions", reasons[:first_of_server], findings),
            *_render_table("Answers of any user agent server", reasons[first_of_server:first_of_calls], findings),
            *_render_table("Answers of a server that holds calls", reasons[first_of_calls:first_unanswered], findings),
            *_render_table("Messages that get no answer of their own", reasons[first_unanswered:], findings),
            *_render_phrases(findings),
            *_render_ends(),
        ]
    )


def _collect_findings() -> dict[Reason, list[Finding]]:
    """Every finding that the checks can make, by its reason."""
    by_reason: dict[Reason, list[Finding]] = {}
    for module in (parser, validate):
        for finding in _findings_of(module):
            by_reason.setdefault(finding.reason, []).append(finding)
    return by_reason


def _findings_of(module: ModuleType) -> Iterable[Finding]:
    for value in vars(module).values():
        if isinstance(value, Finding):
            yield value
        elif isinstance(value, dict):
            yield from (each for each in value.values() if isinstance(each, Finding))


def _render_table(title: str, reasons: list[Reason], findings: dict[Reason, list[Finding]]) -> list[str]:
    rows = [
        f"## {title}",
        "",
        "| reason | meaning | answer | with it | source |",
        "| --- | --- | --- | --- | --- |",
    ]
    for reason in reasons:
        rejection = REJECTIONS.get(reason)
        meaning = rejection.sentence if rejection else _MEANINGS[reason]
        answer = _describe_answer(reason, findings.get(reason, []))
        rows.append(f"| `{reason}` | {meaning} | {answer} | {_describe_extras(rejection)} | {_SOURCES[reason]} |")
    return [*rows, ""]


def _describe_answer(reason: Reason, findings: list[Finding]) -> str:
    if reason in REJECTIONS:
        status = REJECTIONS[reason].status
        return f"{status} {PHRASES[status]}"
    known = _FRAMING.get(reason) or _ANSWERS.get(reason)
    statuses = {finding.status for finding in findings}
    if known is None:
        [status] = statuses
        return f"{status} {PHRASES[status]}" if any(not finding.phrase for finding in findings) else str(status)
    if any(str(status) not in known for status in statuses):
        raise ValueError(f"{reason}: the code answers {statuses}, the page would say {known}")
    return known


def _describe_extras(rejection: Rejection | None) -> str:
    if rejection is None:
        return ""
    retry = "Retry-After, " if rejection.may_retry else ""
    return f"{retry}Warning {rejection.warning_code}"


def _render_phrases(findings: dict[Reason, list[Finding]]) -> list[str]:
    rows = ["## Phrases", "", "A 400 says in its reason phrase what was wrong (RFC 3261 21.4.1).", ""]
    rows += ["| reason | status | phrase |", "| --- | --- | --- |"]
    for reason in Reason:
        told = dict.fromkeys((each.status, each.phrase) for each in findings.get(reason, []) if each.phrase)
        rows.extend(f"| `{reason}` | {status} | {phrase} |" for status, phrase in told)
    return [*rows, ""]


def _render_ends() -> list[str]:
    """Why calls end: field `cause` of the log line `call ended`, label `cause` of the metrics."""
    rows = ["## Ends of calls", "", "Why a call that the UM worker answered, or `callrouter call` placed, is over.", ""]
    rows += ["| cause | meaning |", "| --- | --- |"]
    return [*rows, *(f"| `{end}` | {_ENDS[end]} |" for end in CallEnd), ""]


_ENDS: dict[CallEnd, str] = {
    CallEnd.REMOTE_BYE: "The peer hung up",
    CallEnd.LOCAL_BYE: "We hung up",
    CallEnd.MAX_DURATION: "MaxCallDuration was over; we hung up",
    CallEnd.CANCELLED: "The caller gave up before the answer",
    CallEnd.REJECTED: "It was never answered 2xx",
    CallEnd.NO_ACK: "The 2xx was never acknowledged, within 32 s (RFC 3261 13.3.1.4)",
    CallEnd.BAD_ANSWER: "The SDP that answered our offer cannot be used",
    CallEnd.NO_ANSWER: "Nothing came within Timer B, or within the time that the caller waits",
    CallEnd.CONNECTION_LOST: "The connection went, and the peer did not come back on another one",
    CallEnd.STOPPED: "The process was told to stop",
}


if __name__ == "__main__":
    sys.stdout.write(render_reasons())
