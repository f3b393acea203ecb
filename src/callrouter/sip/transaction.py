"""INVITE server transactions on a reliable transport, one table per connection.

RFC 3261 17.2.1 with RFC 6026 7.1 (state Accepted, Timer L), 17.2.3 (matching, with and without the magic cookie),
8.2.2.2 (merged requests), 9.2 (CANCEL). On streams Timer G is not set and Timers I and J are zero: a final answer is
kept until the ACK or Timer H, and a non-INVITE transaction ends with its answer, so that it needs no record.
"""

from enum import Enum, auto
from typing import Final, TypeAlias

from mypy_extensions import mypyc_attr

from callrouter.sip.message import BriefAck, PlainRequest, Request
from callrouter.sip.via import MAGIC_COOKIE

Key: TypeAlias = tuple[str | int, ...]
"""Of two kinds: `transaction_key` and `merge_key`, which are never alike."""

_SUCCESS = range(200, 300)


class State(Enum):
    """17.2.1, figure 7, less Confirmed (Timer I is zero) and Terminated (the record is gone)."""

    PROCEEDING = auto()
    COMPLETED = auto()
    ACCEPTED = auto()


# A member of an Enum costs a descriptor call wherever it is named (CPython 3.11); these are named for every call.
_PROCEEDING: Final = State.PROCEEDING
_COMPLETED: Final = State.COMPLETED


@mypyc_attr(acyclic=True, free_list_len=1)
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
        return str(self.merge_key[1])

    def retransmission(self) -> bytes:
        """What a repeated INVITE gets: the last answer again (17.2.1); nothing in Accepted (RFC 6026 7.1)."""
        if self.state is _COMPLETED:
            return self.final
        return self.provisional if self.state is _PROCEEDING else b""


_NONE: Final[dict[Key, InviteTransaction]] = {}
"""For all tables that hold none; never written to."""


class TransactionTable:
    """The INVITE transactions of one connection. Small, because most connections are idle."""

    __slots__ = ("_answered", "_answered_count", "_lifetime_seconds", "_proceeding", "_proceeding_count")

    def __init__(self, lifetime_seconds: float) -> None:
        self._lifetime_seconds = lifetime_seconds
        """Timer H and Timer L: 64*T1."""
        self._answered = _NONE
        """Those with a final answer, each by both of its keys. All live equally long, so that they stand in the order
        in which they end."""
        self._answered_count = 0
        self._proceeding = _NONE
        """Those without, alike."""
        self._proceeding_count = 0

    def __len__(self) -> int:
        return self._answered_count + self._proceeding_count

    def find(self, key: Key) -> InviteTransaction | None:
        """The transaction that an INVITE repeats, or a CANCEL cancels (17.2.3, 9.2); key: its `transaction_key`."""
        found = self._answered.get(key)
        return self._proceeding.get(key) if found is None else found

    def is_merged(self, invite: Request, merge_key: Key) -> bool:
        """Whether this INVITE came by another path before (8.2.2.2); asked after `find` found nothing.

        merge_key: the `merge_key` of the INVITE.
        """
        return not invite.to_tag and (merge_key in self._answered or merge_key in self._proceeding)

    def open(self, transaction: InviteTransaction) -> None:
        """Keep a new transaction until it is completed; one that is completed at once need not be opened."""
        if self._proceeding is _NONE:
            self._proceeding = {}
        self._proceeding[transaction.key] = transaction
        if transaction.merge_key not in self._answered:
            self._proceeding.setdefault(transaction.merge_key, transaction)
        self._proceeding_count += 1

    def complete(self, transaction: InviteTransaction, status: int, answer: bytes, now: float) -> None:
        """A final answer went out: Timer H starts, or Timer L after a 2xx."""
        transaction.state = State.ACCEPTED if status in _SUCCESS else _COMPLETED
        transaction.final = answer
        transaction.request = None
        transaction.expires_at = now + self._lifetime_seconds
        if self._answered is _NONE:
            self._answered = {}
        answered = self._answered
        answered[transaction.key] = transaction
        if self._proceeding.get(transaction.key) is transaction:
            self._proceeding_count -= 1
            if _forget(self._proceeding, transaction):
                # The first of those that were merged stays it, and must stand where its time has come.
                answered.pop(transaction.merge_key, None)
        answered.setdefault(transaction.merge_key, transaction)
        self._answered_count += 1

    def acknowledge(self, ack: Request | BriefAck) -> InviteTransaction | None:
        """The transaction that this ACK ends (Completed), or the 2xx that it belongs to (Accepted, which stays).

        Raises:
            MalformedError: the ACK cannot be read.
        """
        if isinstance(ack, BriefAck):
            transaction = self._answered.get((ack.branch, ack.sent_by))
        else:
            transaction = self._answered.get(transaction_key(ack))
            if transaction is not None and not isinstance(ack, PlainRequest) and not _belongs(ack, transaction):
                return None
        if transaction is not None and transaction.state is _COMPLETED:
            self._remove(transaction)
        return transaction

    def end(self, transaction: InviteTransaction) -> None:
        """Forget an answered transaction before its time; no matter whether it is still there."""
        if self._answered.get(transaction.key) is transaction:
            self._remove(transaction)

    @property
    def proceeding(self) -> int:
        """How many have no final answer yet."""
        return self._proceeding_count

    def next_expiry(self) -> float | None:
        """When the oldest transaction ends without an ACK."""
        for transaction in self._answered.values():
            return transaction.expires_at
        return None

    def expire(self, now: float) -> list[InviteTransaction]:
        """Take out and return the transactions whose time is over."""
        expired: list[InviteTransaction] = []
        for transaction in self._answered.values():
            if transaction.expires_at > now:
                break
            # By its second key it comes next.
            if not expired or expired[-1] is not transaction:
                expired.append(transaction)
        for transaction in expired:
            self._remove(transaction)
        return expired

    def _remove(self, transaction: InviteTransaction) -> None:
        _forget(self._answered, transaction)
        self._answered_count -= 1


def _forget(transactions: dict[Key, InviteTransaction], transaction: InviteTransaction) -> bool:
    """Take it out by its keys; whether it was the first of those that were merged."""
    del transactions[transaction.key]
    if transactions.get(transaction.merge_key) is not transaction:
        return False
    del transactions[transaction.merge_key]
    return True


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


def merge_key(invite: Request) -> Key:
    """What 8.2.2.2 tells by that an INVITE came by two paths.

    Raises:
        MalformedError: a header field that it needs cannot be read.
    """
    number = invite.number if isinstance(invite, PlainRequest) else invite.cseq.number
    return (invite.from_tag, invite.call_id, number)
