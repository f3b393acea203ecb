"""The UM service, the second hop: a redirect server whose pool is one worker process (EXCHANGE-UM A1, B 1).

It decides by the same rules and answers in the same form as the router, so that it needs nothing of its own but the
snapshot that makes it one: `session.SipSession` does the rest. Pure.
"""

from dataclasses import replace

from callrouter.directory.model import ComponentState, MailboxServer
from callrouter.pool.model import build_pool
from callrouter.pool.selection import Selection
from callrouter.snapshot import RoutingSnapshot
from callrouter.sources.host import tell_target_apart
from callrouter.wire import Transport


def find_state(snapshot: RoutingSnapshot, name: str) -> ComponentState:
    """The component state of an emulated server by the directory; Active where the directory does not know it."""
    for server in snapshot.lookup.directory.servers:
        if server.name.casefold() == name.casefold():
            return server.state
    return ComponentState.ACTIVE


def service_snapshot(
    snapshot: RoutingSnapshot,
    name: str,
    ports: dict[Transport, int],
    *,
    advertised_host: str = "",
    is_full: bool = False,
) -> RoutingSnapshot:
    """What the UM service of a server decides by.

    snapshot: the router's, for gateways, dial plans and users. ports: of the current worker, by transport.
    advertised_host: name or address in the Contact; "" for the address at which the caller reached the server.
    is_full: the server has as many calls as it may have.
    """
    fqdn, address = tell_target_apart(advertised_host)
    worker = MailboxServer(
        name=name,
        fqdn=fqdn,
        address=address,
        tcp_port=ports.get(Transport.TCP, 0),
        tls_port=ports.get(Transport.TLS, 0),
    )
    return replace(
        snapshot,
        pool=build_pool((worker,)),
        component_state=find_state(snapshot, name),
        is_full=is_full,
        selection=Selection.FIRST,
        own_endpoints=frozenset(),
        form=replace(snapshot.form, delay_seconds=0.0, all_contacts=False),
    )
