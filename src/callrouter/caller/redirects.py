"""Redirects: from the Contacts of 3xx answers to the next target (RFC 3261 8.1.3.4, 21.3). Pure.

Alternatives are tried in the order of their q, each URI once (19.1.4), those of the latest redirect first. A call that
is over TLS stays so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from callrouter.caller.target import Target, UnusableTarget, parse_target
from callrouter.sip.contact import Contact, parse_contacts
from callrouter.sip.errors import MalformedError
from callrouter.sip.message import Response
from callrouter.sip.params import split_outside_quotes
from callrouter.sip.uri import equivalent
from callrouter.wire import Transport

_MAX_CONTACTS: Final = 32
"""Contacts of one answer that are looked at."""
_USE_PROXY: Final = 305
_RETRIED: Final = frozenset({408, 503})
_TRIED: Final = "it was tried before"


class RedirectFault(StrEnum):
    """Why an answer of 300 to 399 leads nowhere."""

    NO_CONTACT = "no-contact"
    UNUSABLE = "no-usable-contact"
    LOOP = "loop"
    LIMIT = "too-many-redirects"


FAULT_SENTENCES: Final = MappingProxyType({
    RedirectFault.NO_CONTACT: "the redirect has no Contact",
    RedirectFault.UNUSABLE: "no Contact of the redirect can be followed",
    RedirectFault.LOOP: "the redirect leads to where the call was before",
    RedirectFault.LIMIT: "there are more redirects than are followed",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Skipped:
    """A Contact that is not followed. why: a half-sentence of our own words."""

    uri: str
    why: str


@dataclass(frozen=True, slots=True)
class RedirectPolicy:
    """max_redirects: how many 3xx are followed. may_leave_tls: also from TLS to TCP."""

    max_redirects: int = 5
    may_leave_tls: bool = False


class Redirects:
    """The targets of one call, tried and to be tried."""

    __slots__ = ("_known", "_policy", "_waiting", "count", "current", "skipped")

    def __init__(self, first: Target, policy: RedirectPolicy) -> None:
        self._policy = policy
        self.current = first
        self.count = 0
        """How many answers were followed."""
        self.skipped: list[Skipped] = []
        self._known = [(first.parsed, first.routes)]
        """What was tried, or waits for its turn."""
        self._waiting: list[Target] = []

    @property
    def has_more(self) -> bool:
        """Whether there is an alternative to the current target."""
        return bool(self._waiting)

    def advance(self) -> Target | None:
        """The next target, which is the current one from now on; None where there is none left."""
        if not self._waiting:
            return None
        self.current = self._waiting.pop(0)
        return self.current

    def take(self, response: Response) -> RedirectFault | None:
        """The current target answered with a 3xx: what it offers waits now before all others.

        Returns:
            Why it offers nothing, or None where it does.
        """
        if self.count >= self._policy.max_redirects:
            return RedirectFault.LIMIT
        self.count += 1
        rows = response.headers.rows("contact")
        if not rows:
            return RedirectFault.NO_CONTACT
        first_skipped = len(self.skipped)
        targets = self._select(self._read(rows), is_proxy=response.status == _USE_PROXY)
        if targets:
            self._waiting[:0] = targets
            return None
        is_loop = any(each.why == _TRIED for each in self.skipped[first_skipped:])
        return RedirectFault.LOOP if is_loop else RedirectFault.UNUSABLE

    # --- inside

    def _read(self, rows: Sequence[str]) -> list[Contact]:
        """The Contacts by falling q, those of one q in their order."""
        contacts: list[Contact] = []
        for row in rows:
            for value in _split(row):
                if len(contacts) >= _MAX_CONTACTS:
                    self.skipped.append(Skipped("", f"more than {_MAX_CONTACTS} Contacts came"))
                    return sorted(contacts, key=_by_q)
                try:
                    contacts += parse_contacts([value])
                except MalformedError as error:
                    self.skipped.append(Skipped(value.strip(), f"it cannot be read: {error}"))
        return sorted(contacts, key=_by_q)

    def _select(self, contacts: Sequence[Contact], *, is_proxy: bool) -> list[Target]:
        targets = []
        for contact in contacts:
            raw_uri = contact.address.raw_uri
            try:
                target = parse_target(raw_uri)
                if is_proxy:
                    target = _through(target, self.current)
                self._screen(target)
            except UnusableTarget as error:
                self.skipped.append(Skipped(raw_uri, str(error)))
            else:
                self._known.append((target.parsed, target.routes))
                targets.append(target)
        return targets

    def _screen(self, target: Target) -> None:
        """Raise where the policy, or what was tried before, forbids the target."""
        leaves_tls = self.current.transport is Transport.TLS and target.transport is Transport.TCP
        if leaves_tls and not self._policy.may_leave_tls:
            raise UnusableTarget("it leads from TLS to TCP")
        parsed = target.parsed
        if any(routes == target.routes and equivalent(uri, parsed) for uri, routes in self._known):
            raise UnusableTarget(_TRIED)


def may_try_next(status: int) -> bool:
    """Whether a final answer leaves it to the client to try an alternative: as after no connection or no answer."""
    return status in _RETRIED


def _through(proxy: Target, current: Target) -> Target:
    """A 305: the same request, by way of its Contact (21.3.4), as a loose router."""
    is_loose = any(each.lower() in ("lr", "lr=") for each in proxy.uri.split(";")[1:])
    route = f"<{proxy.uri}>" if is_loose else f"<{proxy.uri};lr>"
    return Target(current.uri, proxy.host, proxy.port, proxy.transport, current.headers, (route,))


def _by_q(contact: Contact) -> float:
    return -contact.q


def _split(row: str) -> list[str]:
    try:
        return split_outside_quotes(row, ",")
    except MalformedError:
        return [row]
