"""Reason: the one vocabulary for why a request was answered as it was.

Field of the call log, label of the metrics, id of the tests, row of docs/reference/reasons.md. The first group are
outcomes of the decision (EXCHANGE-UM A3), the second what RFC 3261 asks of any user agent server.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a request got its answer, or a message got none."""

    # --- decision: EXCHANGE-UM A3
    REDIRECTED = "redirected"
    DRAINING = "draining"
    INACTIVE = "inactive"
    UNKNOWN_GATEWAY = "unknown-gateway"
    GATEWAY_DISABLED = "gateway-disabled"
    GATEWAY_NO_NEW_CALLS = "gateway-no-new-calls"
    NO_HUNT_GROUP = "no-hunt-group"
    SECURITY_MISMATCH = "security-mismatch"
    URI_TYPE_MISMATCH = "uri-type-mismatch"
    BAD_DIVERSION = "bad-diversion"
    USER_NOT_ENABLED = "user-not-enabled"
    NO_SUCH_NUMBER = "no-such-number"
    NO_MAILBOX_SERVER = "no-mailbox-server"
    SELF_REDIRECT = "self-redirect"
    SIPS_NOT_ALLOWED = "sips-not-allowed"
    # --- user agent server: RFC 3261 8.2, 9.2, 11, 15, 21
    SERVER_ALIVE = "server-alive"
    CANCELLED = "cancelled"
    CANCEL_MATCHED = "cancel-matched"
    CANCEL_UNMATCHED = "cancel-unmatched"
    NO_DIALOG = "no-dialog"
    METHOD_NOT_ALLOWED = "method-not-allowed"
    UNKNOWN_METHOD = "unknown-method"
    UNSUPPORTED_SCHEME = "unsupported-scheme"
    UNSUPPORTED_EXTENSION = "unsupported-extension"
    UNSUPPORTED_VERSION = "unsupported-version"
    MERGED_REQUEST = "merged-request"
    MALFORMED_START_LINE = "malformed-start-line"
    MALFORMED_REQUEST_URI = "malformed-request-uri"
    MALFORMED_HEADER = "malformed-header"
    MISSING_HEADER = "missing-header"
    REPEATED_HEADER = "repeated-header"
    CSEQ_MISMATCH = "cseq-mismatch"
    CONTENT_LENGTH = "content-length"
    REQUEST_URI_TOO_LONG = "request-uri-too-long"
    BODY_TOO_LARGE = "body-too-large"
    MESSAGE_TOO_LARGE = "message-too-large"
    TOO_MANY_TRANSACTIONS = "too-many-transactions"
    INTERNAL_ERROR = "internal-error"
    # --- messages that get no answer
    ACK_ABSORBED = "ack-absorbed"
    ACK_UNMATCHED = "ack-unmatched"
    RETRANSMISSION = "retransmission"
    STRAY_RESPONSE = "stray-response"
    NOT_SIP = "not-sip"
    MISSING_VIA = "missing-via"
    BARE_LINE_END = "bare-line-end"
