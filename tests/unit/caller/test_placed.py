"""Calls on loopback, over TCP and mutual TLS, to servers that behave."""

import asyncio
import ssl
from dataclasses import replace

import pytest

from callrouter.caller.placed import place_call
from callrouter.caller.redirects import RedirectPolicy, Skipped
from callrouter.caller.result import HopEnd, Outcome
from callrouter.caller.spec import CallTimeouts
from callrouter.reason import CallEnd, Reason
from callrouter.sip.message import Request
from callrouter.sip.transaction import InviteTransaction
from callrouter.transport.tls import ServerTls
from callrouter.ua.incoming import Ringing
from tests.unit.caller.rig import (
    QUICK,
    Callee,
    Script,
    answering,
    closed_port,
    ends,
    nothing_left,
    redirecting,
    refusing,
    say_nothing,
    serving,
    spec_of,
    trying,
)

# --- the way to the answer


async def test_call_is_answered_and_hung_up() -> None:
    async with serving(answering()) as [worker]:
        with nothing_left() as config:
            result = await place_call(spec_of(worker.uri()), config)
        assert (result.outcome, result.status, result.phrase, result.detail) == (Outcome.ANSWERED, 200, "OK", "")
        assert worker.methods == ["INVITE", "ACK", "BYE"]
        [ended] = worker.callees[0].ended
        assert ended.cause is CallEnd.REMOTE_BYE
    [hop] = result.hops
    assert (hop.number, hop.uri, hop.address, hop.end) == (1, worker.uri(), worker.address, HopEnd.ANSWERED)
    assert hop.connected_seconds is not None
    assert 0 <= hop.began_seconds <= hop.connected_seconds <= hop.ended_seconds
    assert result.answered_after_seconds == hop.ended_seconds


async def test_call_follows_two_redirects_with_the_same_identity_and_history() -> None:
    async with (
        serving(answering()) as [worker],
        serving(redirecting(f"<{worker.uri()}>")) as [service],
        serving(redirecting(f"<{service.uri().replace('tcp', 'Tcp')}>")) as [router],
    ):
        spec = replace(
            spec_of(router.uri()),
            from_="5002",
            diversions=("5001;reason=no-answer",),
            history_info=("<sip:5001@pbx?Reason=SIP%3Bcause%3D486>;index=1",),
            headers=(("X-Test", "1"),),
        )
        with nothing_left() as config:
            result = await place_call(spec, config)
    assert ends(result.hops) == [HopEnd.REDIRECTED, HopEnd.REDIRECTED, HopEnd.ANSWERED]
    assert [server.methods for server in (router, service)] == [["INVITE"], ["INVITE"]]
    invites = [server.requests[0] for server in (router, service, worker)]
    assert [invite.raw_uri for invite in invites] == [hop.uri for hop in result.hops]
    assert [invite.cseq.number for invite in invites] == [1, 2, 3]
    for name in ("from", "to", "call-id", "diversion", "history-info", "x-test"):
        assert len({invite.headers.get(name) for invite in invites}) == 1
    assert len({invite.top_via.branch for invite in invites}) == 3
    assert (invites[0].headers.get("from") or "").startswith("<sip:5002@127.0.0.1>;tag=")
    assert result.call_id == invites[0].call_id


async def test_call_over_ipv6_writes_addresses_in_brackets() -> None:
    async with serving(answering(), host="::1") as [worker], serving(redirecting(f"<{worker.uri()}>")) as [router]:
        with nothing_left() as config:
            result = await place_call(spec_of(router.uri()), config)
    assert (result.outcome, result.hops[1].address) == (Outcome.ANSWERED, worker.address)
    invite = worker.requests[0]
    assert (invite.headers.get("contact") or "").startswith("<sip:[::1]:")
    assert invite.top_via.host == "::1"


async def test_call_over_mutual_tls_follows_redirects(server_tls: ServerTls, client_context: ssl.SSLContext) -> None:
    async with (
        serving(answering(), tls=server_tls) as [worker],
        serving(redirecting(f"<{worker.uri().replace('tls', 'Tls')}>"), tls=server_tls) as [router],
    ):
        with nothing_left() as config:
            result = await place_call(spec_of(router.uri()), replace(config, tls=lambda: client_context))
    assert (result.outcome, ends(result.hops)) == (Outcome.ANSWERED, [HopEnd.REDIRECTED, HopEnd.ANSWERED])
    assert worker.requests[0].top_via.transport == "TLS"


async def test_call_over_tls_is_not_led_to_tcp_unless_allowed(
    server_tls: ServerTls, client_context: ssl.SSLContext
) -> None:
    async with (
        serving(answering()) as [worker],
        serving(redirecting(f"<{worker.uri()}>"), tls=server_tls) as [router],
    ):
        with nothing_left() as plain:
            config = replace(plain, tls=lambda: client_context)
            kept = await place_call(spec_of(router.uri()), config)
            policy = RedirectPolicy(may_leave_tls=True)
            allowed = await place_call(replace(spec_of(router.uri()), redirects=policy), config)
    assert kept.outcome is Outcome.REDIRECT_FAILED
    assert kept.skipped == (Skipped(worker.uri(), "it leads from TLS to TCP"),)
    assert allowed.outcome is Outcome.ANSWERED


async def test_call_is_refused_with_the_sentence_of_the_warning() -> None:
    async with serving(refusing(Reason.NO_SUCH_NUMBER)) as [server]:
        with nothing_left() as config:
            result = await place_call(spec_of(server.uri()), config)
    assert (result.outcome, result.status, result.phrase) == (Outcome.REFUSED, 404, "Not Found")
    assert result.detail == "no-such-number: The called number is nobody's in the dial plan"


@pytest.mark.parametrize(
    ("contact", "detail"),
    [
        (None, "the redirect has no Contact"),
        ("<tel:+1425>", "no Contact of the redirect can be followed"),
        ("<sip:2001@127.0.0.1:1;transport=udp>", "no Contact of the redirect can be followed"),
        ("<{uri}>", "the redirect leads to where the call was before"),
    ],
    ids=["none", "tel", "udp", "itself"],
)
async def test_call_whose_redirect_cannot_be_followed_says_why(contact: str | None, detail: str) -> None:
    def script(callee: Callee, invite: Request, transaction: InviteTransaction, now: float) -> None:
        contacts = [] if contact is None else [contact.format(uri=callee.server.uri())]
        redirecting(*contacts)(callee, invite, transaction, now)

    async with serving(script) as [server]:
        with nothing_left() as config:
            result = await place_call(spec_of(server.uri()), config)
    assert (result.outcome, result.status, result.detail) == (Outcome.REDIRECT_FAILED, 302, detail)


async def test_call_in_a_circle_of_redirects_ends_at_the_limit() -> None:
    def script(callee: Callee, invite: Request, transaction: InviteTransaction, now: float) -> None:
        number = len(callee.server.requests)
        redirecting(f"<{callee.server.uri(f'n{number}')}>")(callee, invite, transaction, now)

    async with serving(script) as [server]:
        with nothing_left() as config:
            result = await place_call(replace(spec_of(server.uri()), redirects=RedirectPolicy(3)), config)
    assert (result.outcome, len(result.hops)) == (Outcome.REDIRECT_FAILED, 4)
    assert result.detail == "there are more redirects than are followed"


# --- alternatives


async def test_call_tries_the_next_contact_after_no_connection_and_503() -> None:
    async with serving(answering(), refusing(Reason.MAX_CALLS)) as [worker, full]:
        contacts = f"<sip:2001@127.0.0.1:{closed_port()};transport=tcp>, <{full.uri()}>;q=0.9, <{worker.uri()}>;q=0.8"
        async with serving(redirecting(contacts)) as [router]:
            with nothing_left() as config:
                result = await place_call(spec_of(router.uri()), config)
    assert ends(result.hops) == [HopEnd.REDIRECTED, HopEnd.NO_CONNECTION, HopEnd.REFUSED, HopEnd.ANSWERED]
    assert [hop.status for hop in result.hops] == [302, 0, 503, 200]
    assert worker.requests[0].cseq.number == 4


async def test_call_tries_the_next_contact_after_silence() -> None:
    async with (
        serving(say_nothing, answering()) as [silent, worker],
        serving(redirecting(f"<{silent.uri()}>", f"<{worker.uri()}>")) as [router],
    ):
        with nothing_left() as config:
            timeouts = CallTimeouts(setup_seconds=5.0, silence_seconds=0.1)
            result = await place_call(replace(spec_of(router.uri()), timeouts=timeouts), config)
    assert ends(result.hops) == [HopEnd.REDIRECTED, HopEnd.NO_ANSWER, HopEnd.ANSWERED]
    assert "CANCEL" not in silent.methods


async def test_call_that_rings_longer_than_silence_may_last_is_waited_for() -> None:
    ringing = answering(Ringing(answer_after_seconds=0.3))
    async with (
        serving(ringing, answering()) as [slow, other],
        serving(redirecting(f"<{slow.uri()}>", f"<{other.uri()}>")) as [router],
    ):
        with nothing_left() as config:
            timeouts = CallTimeouts(setup_seconds=5.0, silence_seconds=0.1)
            result = await place_call(replace(spec_of(router.uri()), timeouts=timeouts), config)
    assert ends(result.hops) == [HopEnd.REDIRECTED, HopEnd.ANSWERED]
    assert other.requests == []


async def test_call_does_not_try_the_next_contact_after_a_refusal() -> None:
    async with (
        serving(refusing(Reason.NO_SUCH_NUMBER), answering()) as [refuser, other],
        serving(redirecting(f"<{refuser.uri()}>", f"<{other.uri()}>")) as [router],
    ):
        with nothing_left() as config:
            result = await place_call(spec_of(router.uri()), config)
    assert (result.outcome, result.status, other.requests) == (Outcome.REFUSED, 404, [])


# --- time


@pytest.mark.parametrize(
    ("script", "methods"),
    [(say_nothing, ["INVITE"]), (trying(100), ["INVITE"]), (trying(100, 180), ["INVITE"])],
    ids=["silence", "trying", "ringing"],
)
async def test_call_without_an_answer_ends_in_time(script: Script, methods: list[str]) -> None:
    async with serving(script) as [server]:
        with nothing_left() as config:
            async with asyncio.timeout(2.0):
                result = await place_call(replace(spec_of(server.uri()), timeouts=QUICK), config)
        assert server.methods[: len(methods)] == methods
        assert len(server.callees[0].cancelled) == (0 if script is say_nothing else 1)
    assert (result.outcome, result.detail) == (Outcome.NO_ANSWER, "no answer within 0.3 s")


async def test_call_whose_cancel_is_not_followed_ends_in_time() -> None:
    def script(callee: Callee, invite: Request, transaction: InviteTransaction, now: float) -> None:
        callee.takes_cancel = False
        trying(180)(callee, invite, transaction, now)

    async with serving(script) as [server]:
        with nothing_left() as config:
            async with asyncio.timeout(2.0):
                result = await place_call(replace(spec_of(server.uri()), timeouts=QUICK), config)
    assert (result.outcome, result.status) == (Outcome.NO_ANSWER, 0)


async def test_call_that_is_redirected_when_time_is_over_ends() -> None:
    def script(callee: Callee, invite: Request, transaction: InviteTransaction, now: float) -> None:
        trying(100)(callee, invite, transaction, now)
        callee.endpoint.timers.set(now + 0.2, lambda at: redirect(callee, invite, transaction, at))

    def redirect(callee: Callee, invite: Request, transaction: InviteTransaction, now: float) -> None:
        redirecting(f"<{callee.server.uri(f'n{len(callee.server.callees)}')}>")(callee, invite, transaction, now)

    async with serving(script) as [server]:
        with nothing_left() as config:
            async with asyncio.timeout(2.0):
                result = await place_call(replace(spec_of(server.uri()), timeouts=QUICK), config)
    assert result.outcome is Outcome.NO_ANSWER
    assert len(result.hops) == 2
