"""Reason: the one vocabulary for why a request was answered as it was. CallEnd: the same for why a call ended.

Field of the call log, label of the metrics, id of the tests, row of docs/reference/reasons.md. The first group are
outcomes of the decision (EXCHANGE-UM A3), the second what RFC 3261 asks of any user agent server, the third what only a
server that holds calls answers.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a request got its answer, or a message got none."""

    __hash__ = str.__hash__  # that of Enum is a function in Python; these are keys of counters

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
    # --- the UM worker, and any user agent that holds a call
    MAX_CALLS = "max-calls"
    ANSWERED = "answered"
    HUNG_UP = "hung-up"
    SESSION_CHANGED = "session-changed"
    INFO_TAKEN = "info-taken"
    PROVISIONAL_ACKNOWLEDGED = "provisional-acknowledged"
    PROVISIONAL_UNACKNOWLEDGED = "provisional-unacknowledged"
    MISSING_CONTACT = "missing-contact"
    OUT_OF_ORDER = "out-of-order"
    CHANGE_PENDING = "change-pending"
    CHANGE_UNFINISHED = "change-unfinished"
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type"
    MALFORMED_SDP = "malformed-sdp"
    NO_COMMON_MEDIA = "no-common-media"
    # --- messages that get no answer
    ACK_ABSORBED = "ack-absorbed"
    ACK_UNMATCHED = "ack-unmatched"
    RETRANSMISSION = "retransmission"
    STRAY_RESPONSE = "stray-response"
    NOT_SIP = "not-sip"
    MISSING_VIA = "missing-via"
    BARE_LINE_END = "bare-line-end"


class CallEnd(StrEnum):
    """Why a call that a user agent held came to its end."""

    REMOTE_BYE = "remote-bye"
    """The peer hung up."""
    LOCAL_BYE = "local-bye"
    """We hung up."""
    MAX_DURATION = "max-duration"
    """MaxCallDuration was over (EXCHANGE-UM B 2.3)."""
    CANCELLED = "cancelled"
    """The caller gave up before the answer."""
    REJECTED = "rejected"
    """It was never answered 2xx."""
    NO_ACK = "no-ack"
    """The 2xx was never acknowledged (RFC 3261 13.3.1.4)."""
    BAD_ANSWER = "bad-answer"
    """The SDP that answered our offer cannot be used."""
    NO_ANSWER = "no-answer"
    """Nothing came within Timer B, or within the time that the caller waits."""
    CONNECTION_LOST = "connection-lost"
    """The connection went, and the peer did not come back on another one."""
    STOPPED = "stopped"
    """The process was told to stop."""
