"""decide: who takes a call, and why. The product of this project: pure, total, deterministic.

The rules of EXCHANGE-UM A3 in their order, one function a rule; the first that ends the matter wins.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from callrouter.decision import Decision, Redirect, Reject, Target
from callrouter.directory.model import ComponentState, GatewayStatus, UMIPGateway
from callrouter.facts import RequestFacts
from callrouter.pool.model import Member
from callrouter.pool.selection import select
from callrouter.reason import Reason
from callrouter.sip.uri import SipUri, TelUri, equivalent
from callrouter.snapshot import RoutingSnapshot
from callrouter.wire import Transport

Rule: TypeAlias = Callable[[RequestFacts, RoutingSnapshot], Decision | None]


# A member of an Enum costs a descriptor call wherever it is named (CPython 3.11); these are named for every call.
_ACTIVE: Final = ComponentState.ACTIVE
_ENABLED: Final = GatewayStatus.ENABLED
_TLS: Final = Transport.TLS

_REASONS_OF_STATUS = {
    GatewayStatus.DISABLED: Reason.GATEWAY_DISABLED,
    GatewayStatus.NO_NEW_CALLS: Reason.GATEWAY_NO_NEW_CALLS,
}


def decide(facts: RequestFacts, snapshot: RoutingSnapshot) -> Decision:
    """The decision on one INVITE. Never raises; the same facts and snapshot give the same decision."""
    for rule in _RULES:
        decision = rule(facts, snapshot)
        if decision is not None:
            return decision
    return _redirect(facts, snapshot)


def _component_state(_facts: RequestFacts, snapshot: RoutingSnapshot) -> Decision | None:
    """A3, rule 1."""
    if snapshot.component_state is _ACTIVE:
        return None
    return Reject(Reason.DRAINING if snapshot.component_state is ComponentState.DRAINING else Reason.INACTIVE)


def _gateway(facts: RequestFacts, snapshot: RoutingSnapshot) -> Decision | None:
    """A3, rules 2 and 3."""
    gateway = find_gateway(facts, snapshot)
    if gateway is None:
        return Reject(Reason.UNKNOWN_GATEWAY)
    if gateway.status is _ENABLED:
        return None
    return Reject(_REASONS_OF_STATUS[gateway.status])


def _sips_over_tcp(facts: RequestFacts, _snapshot: RoutingSnapshot) -> Decision | None:
    """A sips request that came in the clear has no target that would keep its promise (RFC 5630 5.4)."""
    if facts.is_sips and facts.caller.transport is not _TLS:
        return Reject(Reason.SIPS_NOT_ALLOWED)
    return None


_RULES: tuple[Rule, ...] = (_component_state, _gateway, _sips_over_tcp)


def find_gateway(facts: RequestFacts, snapshot: RoutingSnapshot) -> UMIPGateway | None:
    """The UM IP gateway that the caller is: by address over TCP, by certificate name over TLS (A3, rule 2).

    A TLS caller without a certificate, which only a setting lets in, is known by its address.
    """
    caller = facts.caller
    if caller.identities is not None:
        return snapshot.lookup.gateway_by_names(caller.identities)
    return snapshot.lookup.gateway_by_address(caller.address)


def _redirect(facts: RequestFacts, snapshot: RoutingSnapshot) -> Decision:
    """A3, rules 10 and 11: a server of the pool that can take the call."""
    members = snapshot.pool.available
    member = select(members, facts.call_id, snapshot.selection)
    if member is not None and _is_self(member, facts, snapshot):
        others = [other for other in members if not _is_self(other, facts, snapshot)]
        member = select(others, facts.call_id, snapshot.selection)
    if member is None:
        return Reject(Reason.NO_MAILBOX_SERVER)
    target = _target(member, facts)
    if _leads_back(target, facts):
        return Reject(Reason.SELF_REDIRECT)
    return Redirect((target,))


def _target(member: Member, facts: RequestFacts) -> Target:
    """The Contact of A2. A TLS caller gets the TLS port and the other way round, always."""
    server = member.server
    called = facts.called
    if "#" in called and isinstance(facts.request_uri, TelUri):
        # A digit of RFC 3966 that RFC 3261 25.1 wants escaped in a user.
        called = called.replace("#", "%23")
    is_tls = facts.caller.transport is _TLS
    host = server.fqdn or server.address or facts.caller.local_address
    port = server.tls_port if is_tls else server.tcp_port
    if facts.is_sips:
        # A sips Request-URI gets a sips target; its transport is TLS by the scheme (RFC 5630 5.4).
        return Target(called, host, port, "", "sips", facts.maddr)
    return Target(called, host, port, "Tls" if is_tls else "Tcp", "sip", facts.maddr)


def _is_self(member: Member, facts: RequestFacts, snapshot: RoutingSnapshot) -> bool:
    server, caller = member.server, facts.caller
    port = server.tls_port if caller.transport is _TLS else server.tcp_port
    if port == caller.local_port and (server.address or server.fqdn or caller.local_address) == caller.local_address:
        return True
    own = snapshot.own_endpoints
    if not server.fqdn and not server.address:
        return (caller.local_address, port) in own
    return (server.fqdn, port) in own or (server.address, port) in own


def _leads_back(target: Target, facts: RequestFacts) -> bool:
    """Whether the target is the Request-URI itself, which RFC 3261 8.3 forbids."""
    uri = facts.request_uri
    if not isinstance(uri, SipUri) or uri.port != target.port or uri.host != target.host.lower():
        return False
    params = [("transport", target.transport)] if target.transport else []
    if target.maddr:
        params.append(("maddr", target.maddr))
    return equivalent(SipUri(target.scheme, target.user, uri.host, target.port, tuple(params)), uri)
