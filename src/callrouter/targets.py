"""Which Mailbox server takes a call that the rules let through, and the Contact that names it.

EXCHANGE-UM A3, rules 10 and 11; A2 for the Contact. Pure, as `redirect`, whose last rule this is.
"""

from typing import Final

from callrouter.decision import CallType, Redirect, Reject, Target
from callrouter.directory.model import MailboxDatabase
from callrouter.facts import RequestFacts
from callrouter.pool.model import Member
from callrouter.pool.selection import Selection, Tally, rank, select
from callrouter.reason import Reason
from callrouter.sip.uri import SipUri, TelUri, equivalent
from callrouter.snapshot import RoutingSnapshot
from callrouter.wire import Transport

# A member of an Enum costs a descriptor call wherever it is named (CPython 3.11); these are named for every call.
_TLS: Final = Transport.TLS
_ROUND_ROBIN: Final = Selection.ROUND_ROBIN


def find_targets(
    facts: RequestFacts, snapshot: RoutingSnapshot, database: MailboxDatabase | None, call_type: CallType, tally: Tally
) -> Redirect | Reject:
    """The redirect of a call, or why nobody can take it.

    database: the one that decides, with the active copy first; None leaves the choice to the pool.
    """
    chosen = None if database is None else _find_owner(database, facts, snapshot)
    if chosen is None:
        chosen = _select(facts, snapshot, tally)
        if chosen is None:
            return Reject(_why_nobody(facts, snapshot))
    elif _is_self(chosen, facts, snapshot):
        return Reject(Reason.SELF_REDIRECT)
    targets = _offer(chosen, facts, snapshot)
    if _leads_back(targets[0], facts):
        return Reject(Reason.SELF_REDIRECT)
    if snapshot.form.all_contacts:
        targets = _alternatives(chosen, facts, snapshot, tally)
    return Redirect(targets, call_type=call_type, server=chosen.server.name)


def _find_owner(database: MailboxDatabase, facts: RequestFacts, snapshot: RoutingSnapshot) -> Member | None:
    """The server with the first copy that can be reached. The active copy may be on this router."""
    by_name = snapshot.pool.by_name
    active = by_name.get(database.active)
    if active is not None and active.is_available and _port(active, facts) > 0:
        return active
    for name in database.passive:
        member = by_name.get(name)
        if member is not None and member.is_available and _can_take(member, facts, snapshot):
            return member
    return None


def _select(facts: RequestFacts, snapshot: RoutingSnapshot, tally: Tally) -> Member | None:
    members = snapshot.pool.available
    if snapshot.selection is not _ROUND_ROBIN:
        # Whose turn it is depends on how many take turns; for the other selections it does not, and most can.
        chosen = select(members, facts.call_id, snapshot.selection, tally)
        if chosen is None or _can_take(chosen, facts, snapshot):
            return chosen
    members = tuple(member for member in members if _can_take(member, facts, snapshot))
    return select(members, facts.call_id, snapshot.selection, tally)


def _why_nobody(facts: RequestFacts, snapshot: RoutingSnapshot) -> Reason:
    """Why no server can take the call: those that are up for the caller's security are this router, or none is."""
    is_only_self = any(_port(member, facts) > 0 for member in snapshot.pool.available)
    return Reason.SELF_REDIRECT if is_only_self else Reason.NO_MAILBOX_SERVER


def _can_take(member: Member, facts: RequestFacts, snapshot: RoutingSnapshot) -> bool:
    """Whether a server listens and takes calls with the caller's security, and is not this router."""
    return _port(member, facts) > 0 and not _is_self(member, facts, snapshot)


def _port(member: Member, facts: RequestFacts) -> int:
    """A TLS caller gets the TLS port and the other way round, always (A2); 0 where that port takes no calls."""
    return member.tls_port if facts.caller.transport is _TLS else member.tcp_port


def _is_self(member: Member, facts: RequestFacts, snapshot: RoutingSnapshot) -> bool:
    caller, port, server = facts.caller, _port(member, facts), member.server
    if port == caller.local_port and (server.address or server.fqdn or caller.local_address) == caller.local_address:
        return True
    if port not in snapshot.own_ports:
        return False
    own = snapshot.own_endpoints
    if not server.fqdn and not server.address:
        return (caller.local_address, port) in own
    return (server.fqdn, port) in own or (server.address, port) in own


def _offer(member: Member, facts: RequestFacts, snapshot: RoutingSnapshot) -> tuple[Target, ...]:
    """The one target of a redirect to this server, as it was written before for the same number, where it was."""
    server, known = member.server, snapshot.known_targets.get(member.server.name)
    # Otherwise the Contact depends on more than the server and the number.
    is_usual = isinstance(facts.request_uri, SipUri) and not facts.is_sips and not facts.maddr
    if known is None or not is_usual or not (server.fqdn or server.address):
        return (_write_target(member, facts, snapshot),)
    table = known[1] if facts.caller.transport is _TLS else known[0]
    return table.find(facts.called) or table.keep(facts.called, (_write_target(member, facts, snapshot),))


def _alternatives(chosen: Member, facts: RequestFacts, snapshot: RoutingSnapshot, tally: Tally) -> tuple[Target, ...]:
    """Every eligible server, the chosen one first, with falling preference (RFC 3261 20.10)."""
    available = snapshot.pool.available
    eligible = [member for member in available if member is not chosen and _can_take(member, facts, snapshot)]
    members = [chosen, *rank(eligible, facts.call_id, snapshot.selection, tally)]
    step = 1000 // len(members)
    targets = (
        _write_target(member, facts, snapshot, f"{(1000 - place * step) / 1000:.3f}")
        for place, member in enumerate(members)
    )
    return tuple(target for target in targets if not _leads_back(target, facts))


def _write_target(member: Member, facts: RequestFacts, snapshot: RoutingSnapshot, q: str = "") -> Target:
    """The Contact of A2, in the form that the settings ask for."""
    form, server, called = snapshot.form, member.server, facts.called
    if "#" in called and isinstance(facts.request_uri, TelUri):
        # A digit of RFC 3966 that RFC 3261 25.1 wants escaped in a user.
        called = called.replace("#", "%23")
    names = (server.address, server.fqdn) if form.prefers_address else (server.fqdn, server.address)
    host = names[0] or names[1] or facts.caller.local_address
    port = _port(member, facts)
    if facts.caller.transport is not _TLS:
        return Target(called, host, port, form.tcp_transport, "sip", facts.maddr, q)
    if facts.is_sips or form.sips_contacts:
        # A sips Request-URI gets a sips target; its transport is TLS by the scheme (RFC 5630 5.4).
        return Target(called, host, port, "", "sips", facts.maddr, q)
    return Target(called, host, port, form.tls_transport, "sip", facts.maddr, q)


def _leads_back(target: Target, facts: RequestFacts) -> bool:
    """Whether the target is the Request-URI itself, which RFC 3261 8.3 forbids."""
    uri = facts.request_uri
    if not isinstance(uri, SipUri) or uri.port != target.port or uri.host != target.host.lower():
        return False
    params = [("transport", target.transport)] if target.transport else []
    if target.maddr:
        params.append(("maddr", target.maddr))
    return equivalent(SipUri(target.scheme, target.user, uri.host, target.port, tuple(params)), uri)
