"""Client transactions on a reliable transport, one table per connection (RFC 3261 17.1, RFC 6026 7.2).

On streams nothing is retransmitted (Timers A and E are not set) and Timers D and K are zero. What is left: match an
answer to its request, give up after Timer B or F, and keep an INVITE's transaction for Timer M after a 2xx, so that
each 2xx that comes again is acknowledged again.
"""

from typing import Final, Generic, TypeVar

from callrouter.sip.message import Response
from callrouter.sip.request import OutgoingRequest

_FINAL: Final = 200
_FAILURE: Final = 300

OwnerT = TypeVar("OwnerT")


class ClientTransaction(Generic[OwnerT]):
    """One request of ours that went out. Owned by a `ClientTransactionTable`."""

    __slots__ = ("expires_at", "is_cancelled", "owner", "request")

    def __init__(self, request: OutgoingRequest, owner: OwnerT, expires_at: float) -> None:
        self.request = request
        self.owner = owner
        """Who is told of the answers."""
        self.expires_at = expires_at
        """When Timer B, F or M fires; without meaning for an INVITE that rings."""
        self.is_cancelled = False
        """Whether its CANCEL is out: it is not waited for without end any more."""

    @property
    def key(self) -> tuple[str, str]:
        """What answers are matched by (17.1.3): a branch is a token, so that its case does not count."""
        return (self.request.branch.lower(), self.request.method)


class ClientTransactionTable(Generic[OwnerT]):
    """The open client transactions of one connection.

    All of a kind live equally long, so that each table stands in the order in which its transactions end.
    """

    __slots__ = ("_accepted", "_calling", "_lifetime_seconds", "_proceeding")

    def __init__(self, lifetime_seconds: float) -> None:
        self._lifetime_seconds = lifetime_seconds
        """64*T1."""
        self._calling: dict[tuple[str, str], ClientTransaction[OwnerT]] = {}
        """Those that Timer B or F will end, and INVITEs that were cancelled."""
        self._proceeding: dict[tuple[str, str], ClientTransaction[OwnerT]] = {}
        """INVITEs that ring: for as long as they like, who called decides (17.1.1.2)."""
        self._accepted: dict[tuple[str, str], ClientTransaction[OwnerT]] = {}
        """INVITEs with a 2xx, until Timer M."""

    def __len__(self) -> int:
        """How many await a final answer."""
        return len(self._calling) + len(self._proceeding)

    def open(self, request: OutgoingRequest, owner: OwnerT, now: float) -> ClientTransaction[OwnerT]:
        """A request goes out now."""
        transaction = ClientTransaction(request, owner, now + self._lifetime_seconds)
        self._calling[transaction.key] = transaction
        return transaction

    def match(self, response: Response, now: float) -> ClientTransaction[OwnerT] | None:
        """The transaction that an answer belongs to (17.1.3); a final one, but a 2xx to INVITE, ends it.

        Raises:
            HeaderError: the status line, Via or CSeq cannot be read.
        """
        if response.via_count > 1:
            return None
        status, method = response.status, response.cseq.method
        key = (response.top_via.branch, method)
        if key in self._accepted:
            # RFC 6026 7.2: after a 2xx only another 2xx counts.
            return self._accepted[key] if _FINAL <= status < _FAILURE else None
        transaction = self._calling.get(key) or self._proceeding.get(key)
        if transaction is None:
            return None
        if status < _FINAL:
            # A provisional answer does not stop Timer F (17.1.2.2).
            if method == "INVITE" and key in self._calling and not transaction.is_cancelled:
                self._proceeding[key] = self._calling.pop(key)
            return transaction
        self._calling.pop(key, None)
        self._proceeding.pop(key, None)
        if method == "INVITE" and status < _FAILURE:
            transaction.expires_at = now + self._lifetime_seconds
            self._accepted[key] = transaction
        return transaction

    def cancel(self, invite: OutgoingRequest, now: float) -> None:
        """The CANCEL of an INVITE goes out now: its final answer has to come within 64*T1 (9.1)."""
        key = (invite.branch.lower(), "INVITE")
        transaction = self._proceeding.pop(key, None) or self._calling.pop(key, None)
        if transaction is not None:
            transaction.is_cancelled = True
            transaction.expires_at = now + self._lifetime_seconds
            self._calling[key] = transaction

    def next_expiry(self) -> float | None:
        """When the first of them ends by its timer."""
        expiry: float | None = None
        for transaction in self._calling.values():
            expiry = transaction.expires_at
            break
        for transaction in self._accepted.values():
            if expiry is None or transaction.expires_at < expiry:
                expiry = transaction.expires_at
            break
        return expiry

    def expire(self, now: float) -> list[ClientTransaction[OwnerT]]:
        """Take out those whose time is over; return the ones that had no final answer."""
        _take_expired(self._accepted, now)
        return _take_expired(self._calling, now)

    def abandon(self) -> list[ClientTransaction[OwnerT]]:
        """The connection is gone: take out all; return the ones that had no final answer."""
        left = [*self._calling.values(), *self._proceeding.values()]
        self._calling.clear()
        self._proceeding.clear()
        self._accepted.clear()
        return left


def _take_expired(
    transactions: dict[tuple[str, str], ClientTransaction[OwnerT]], now: float
) -> list[ClientTransaction[OwnerT]]:
    expired = []
    for transaction in transactions.values():
        if transaction.expires_at > now:
            break
        expired.append(transaction)
    for transaction in expired:
        del transactions[transaction.key]
    return expired
