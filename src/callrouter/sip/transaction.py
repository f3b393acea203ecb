"""INVITE server transactions on a reliable transport, one table per connection.

RFC 3261 17.2.1 with RFC 6026 7.1 (state Accepted, Timer L), 17.2.3 (matching, with and without the magic cookie),
8.2.2.2 (merged requests), 9.2 (CANCEL). On streams Timer G is not set and Timers I and J are zero: a final answer is
kept until the ACK or Timer H, and a non-INVITE transaction ends with its answer, so that it needs no record.
"""

from enum import Enum, auto
from typing import Final, TypeAlias

from callrouter.sip.message import PlainRequest, Request
from callrouter.sip.via import MAGIC_COOKIE

Key: TypeAlias = tuple[str, ...]

_SUCCESS = range(200, 300)


class State(Enum):
    """17.2.1, figure 7, less Confirmed (Timer I is zero) and Terminated (the record is gone)."""

    PROCEEDING = auto()
    COMPLETED = auto()
    ACCEPTED = auto()


# A member of an Enum costs a descriptor call wherever it is named (CPython 3.11); these are named for every call.
_PROCEEDING: Final = State.PROCEEDING
_COMPLETED: Final = State.COMPLETED


class InviteTransaction:
    """One INVITE and what was answered. Owned by a `TransactionTable`."""

    __slots__ = ("expires_at", "final", "key", "merge_key", "provisional", "request", "state", "to_tag")

    def __init__(self, request: Request, key: Key, merge_key: Key, to_tag: str) -> None:
        self.request: Request | None = request
        """Kept until the final answer is made of it."""
        self.key = key
        self.merge_key = merge_key
        self.to_tag = to_tag
        self.expires_at = 0.0
        """When Timer H (or L) fires; set by the final answer."""
        self.state = _PROCEEDING
        self.provisional = b""
        """The last provisional answer, b"" before there was one."""
        self.final = b""

    @property
    def call_id(self) -> str:
        """The Call-ID of the INVITE."""
        return self.merge_key[1]

    def retransmission(self) -> bytes:
        """What a repeated INVITE gets: the last answer again (17.2.1); nothing in Accepted (RFC 6026 7.1)."""
        if self.state is _COMPLETED:
            return self.final
        return self.provisional if self.state is _PROCEEDING else b""


class TransactionTable:
    """The open INVITE transactions of one connection."""

    __slots__ = ("_answered", "_by_key", "_by_merge_key", "_lifetime_seconds")

    def __init__(self, lifetime_seconds: float) -> None:
        self._lifetime_seconds = lifetime_seconds
        """Timer H and Timer L: 64*T1."""
        self._by_key: dict[Key, InviteTransaction] = {}
        self._by_merge_key: dict[Key, InviteTransaction] = {}
        self._answered: dict[Key, InviteTransaction] = {}
        """Those with a final answer; all live equally long, so that they stand in the order in which they end."""

    def __len__(self) -> int:
        return len(self._by_key)

    def find(self, key: Key) -> InviteTransaction | None:
        """The transaction that an INVITE repeats, or a CANCEL cancels (17.2.3, 9.2); key: its `transaction_key`."""
        return self._by_key.get(key)

    def is_merged(self, request: Request) -> bool:
        """Whether this INVITE came by another path before (8.2.2.2); asked after `find` found nothing."""
        return not request.to_tag and _merge_key(request) in self._by_merge_key

    def open(self, request: Request, key: Key, to_tag: str) -> InviteTransaction:
        """A new transaction in Proceeding."""
        transaction = InviteTransaction(request, key, _merge_key(request), to_tag)
        self._by_key[transaction.key] = transaction
        self._by_merge_key.setdefault(transaction.merge_key, transaction)
        return transaction

    def complete(self, transaction: InviteTransaction, status: int, answer: bytes, now: float) -> None:
        """A final answer went out: Timer H starts, or Timer L after a 2xx."""
        transaction.state = State.ACCEPTED if status in _SUCCESS else _COMPLETED
        transaction.final = answer
        transaction.request = None
        transaction.expires_at = now + self._lifetime_seconds
        self._answered[transaction.key] = transaction

    def acknowledge(self, ack: Request) -> InviteTransaction | None:
        """The transaction that this ACK ends (Completed), or the 2xx that it belongs to (Accepted, which stays).

        Raises:
            MalformedError: the ACK cannot be read.
        """
        transaction = self._by_key.get(transaction_key(ack))
        if transaction is None or transaction.state is _PROCEEDING:
            return None
        if not isinstance(ack, PlainRequest) and not _belongs(ack, transaction):
            return None
        if transaction.state is _COMPLETED:
            self._remove(transaction)
        return transaction

    def end(self, transaction: InviteTransaction) -> None:
        """Forget an answered transaction before its time; no matter whether it is still there."""
        if self._answered.get(transaction.key) is transaction:
            self._remove(transaction)

    @property
    def proceeding(self) -> int:
        """How many have no final answer yet."""
        return len(self._by_key) - len(self._answered)

    def next_expiry(self) -> float | None:
        """When the oldest transaction ends without an ACK."""
        for transaction in self._answered.values():
            return transaction.expires_at
        return None

    def expire(self, now: float) -> list[InviteTransaction]:
        """Take out and return the transactions whose time is over."""
        expired = []
        for transaction in self._answered.values():
            if transaction.expires_at > now:
                break
            expired.append(transaction)
        for transaction in expired:
            self._remove(transaction)
        return expired

    def _remove(self, transaction: InviteTransaction) -> None:
        del self._by_key[transaction.key]
        del self._answered[transaction.key]
        if self._by_merge_key.get(transaction.merge_key) is transaction:
            del self._by_merge_key[transaction.merge_key]


def _belongs(ack: Request, transaction: InviteTransaction) -> bool:
    """Whether an ACK without the magic cookie is for this answer: then the tag of To counts too (17.2.3)."""
    return ack.top_via.branch.startswith(MAGIC_COOKIE) or ack.to_tag in ("", transaction.to_tag)


def transaction_key(request: Request) -> Key:
    """What 17.2.3 matches by, for the INVITE itself and the ACK and CANCEL that belong to it.

    With the magic cookie: branch and sent-by. Without one, or where the branch is nothing but the cookie (G11): the
    fields that RFC 2543 compared. To is left out: an ACK carries our tag there, which `acknowledge` compares.

    Raises:
        MalformedError: a header field that it needs cannot be read.
    """
    if isinstance(request, PlainRequest):
        return (request.branch, request.sent_by.text)
    via = request.top_via
    branch = via.branch
    if branch.startswith(MAGIC_COOKIE) and branch != MAGIC_COOKIE:
        return (branch, via.sent_by)
    return (
        request.raw_uri,
        request.from_tag,
        request.call_id,
        str(request.cseq.number),
        request.headers.get("via") or "",
    )


def _merge_key(request: Request) -> Key:
    number = request.number if isinstance(request, PlainRequest) else request.cseq.number
    return (request.from_tag, request.call_id, str(number))
