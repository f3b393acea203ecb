"""Whatever dies, and whenever: a call ends in time, with the outcome that is due, and leaves nothing behind."""

import asyncio
import contextlib
import ssl
import time
from dataclasses import replace

import pytest

from callrouter.caller.placed import PlacedCall, place_call
from callrouter.caller.result import CallResult, Outcome
from callrouter.caller.spec import CallSpec, CallTimeouts
from callrouter.certificates.authority import LabCertificates
from callrouter.transport.tls import ServerTls, build_client_context
from tests.unit.caller.raw_server import RawServer, running
from tests.unit.caller.rig import answering, closed_port, nothing_left, serving

QUICK = CallTimeouts(setup_seconds=0.5, connect_seconds=0.5, silence_seconds=0.1, goodbye_seconds=0.2)

EARLY = {
    "nothing": [],
    "invite": ["read INVITE"],
    "trying": ["read INVITE", "send 100"],
    "ringing": ["read INVITE", "send 100", "send 180"],
}
LATE = {
    "answer": ["read INVITE", "send 200"],
    "ack": ["read INVITE", "send 100", "send 200", "read ACK"],
    "bye": ["read INVITE", "send 200", "read ACK", "read BYE"],
}
ENDS = ["close", "reset", "garbage", "hang"]


@pytest.fixture(params=["tcp", "tls"])
def contexts(
    request: pytest.FixtureRequest, certificates: LabCertificates
) -> tuple[ssl.SSLContext | None, ssl.SSLContext | None]:
    """Of the server and of the client."""
    if request.param == "tcp":
        return None, None
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificates.mailbox_file, certificates.mailbox_key_file)
    return server, build_client_context(certificates.ca_file)


def spec_of(server: RawServer, context: ssl.SSLContext | None) -> CallSpec:
    transport = "tcp" if context is None else "tls"
    return CallSpec(f"sip:2001@127.0.0.1:{server.port};transport={transport}", hold_seconds=0.1, timeouts=QUICK)


async def place_with_dying_server(
    script: list[str], end: str, contexts: tuple[ssl.SSLContext | None, ssl.SSLContext | None]
) -> tuple[RawServer, CallResult]:
    """A call to a server that follows the script and ends so: it is over in time, and leaves nothing behind."""
    own, peers = contexts
    async with running(RawServer(script, end), own) as server:
        with nothing_left() as config:
            async with asyncio.timeout(3.0):
                result = await place_call(
                    spec_of(server, own), replace(config, tls=None if peers is None else lambda: peers)
                )
    return server, result


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("moment", EARLY)
async def test_server_that_dies_before_the_answer_leaves_the_call_without_one(
    moment: str, end: str, contexts: tuple[ssl.SSLContext | None, ssl.SSLContext | None]
) -> None:
    server, result = await place_with_dying_server(EARLY[moment], end, contexts)
    if end == "hang":
        assert (result.outcome, result.detail) == (Outcome.NO_ANSWER, "no answer within 0.5 s")
        # 9.1: a CANCEL only after a provisional answer.
        assert ("CANCEL" in server.methods) == (moment in ("trying", "ringing"))
    else:
        assert result.outcome is Outcome.UNREACHABLE
        assert result.detail
    assert result.answered_after_seconds is None


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("moment", LATE)
async def test_server_that_dies_after_the_answer_breaks_the_call(
    moment: str, end: str, contexts: tuple[ssl.SSLContext | None, ssl.SSLContext | None]
) -> None:
    _, result = await place_with_dying_server(LATE[moment], end, contexts)
    lost = moment != "bye" and end != "hang"
    # A reset may come before the answer is read.
    assert result.outcome is Outcome.BROKEN or (moment == "answer" and end == "reset")
    if result.outcome is Outcome.BROKEN:
        assert result.detail == ("the connection was lost during the call" if lost else "the BYE got no answer")
        assert result.answered_after_seconds is not None


async def test_call_to_nobody_is_not_connected() -> None:
    with nothing_left() as config:
        result = await place_call(CallSpec(f"sip:2001@127.0.0.1:{closed_port()}", timeouts=QUICK), config)
    assert (result.outcome, result.call_id) == (Outcome.UNREACHABLE, "")
    assert result.detail.startswith("127.0.0.1:")


async def test_call_to_an_unknown_host_is_not_connected() -> None:
    with nothing_left() as config:
        result = await place_call(CallSpec("sip:2001@no-such-host.invalid", timeouts=QUICK), config)
    assert (result.outcome, result.hops[0].connected_seconds) == (Outcome.UNREACHABLE, None)


async def test_call_over_tls_without_certificates_is_not_connected() -> None:
    with nothing_left() as config:
        result = await place_call(CallSpec("sips:2001@127.0.0.1:1", timeouts=QUICK), config)
    assert (result.outcome, result.detail) == (
        Outcome.UNREACHABLE,
        "127.0.0.1:1: there is neither CA nor certificate for TLS",
    )


@pytest.mark.parametrize("end", ["close", "reset", "deaf", "sit"])
async def test_call_over_tls_to_who_speaks_none_is_not_connected(end: str, certificates: LabCertificates) -> None:
    context = build_client_context(certificates.ca_file)
    async with running(RawServer([], end)) as server:
        with nothing_left() as config:
            async with asyncio.timeout(3.0):
                spec = CallSpec(f"sips:2001@127.0.0.1:{server.port}", timeouts=QUICK)
                result = await place_call(spec, replace(config, tls=lambda: context))
    assert result.outcome is Outcome.UNREACHABLE


async def test_call_to_a_server_that_is_not_trusted_is_not_connected(server_tls: ServerTls) -> None:
    context = build_client_context(None)
    context.verify_mode = ssl.CERT_REQUIRED
    async with serving(answering(), tls=server_tls) as [server]:
        with nothing_left() as config:
            result = await place_call(CallSpec(server.uri()), replace(config, tls=lambda: context))
    assert result.outcome is Outcome.UNREACHABLE
    assert "the certificate is not accepted" in result.detail


async def test_call_without_the_client_certificate_that_is_asked_for_is_not_connected(
    server_tls: ServerTls, certificates: LabCertificates
) -> None:
    context = build_client_context(certificates.ca_file)
    async with serving(answering(), tls=server_tls) as [server]:
        with nothing_left() as config:
            result = await place_call(CallSpec(server.uri(), timeouts=QUICK), replace(config, tls=lambda: context))
        assert server.requests == []
    assert result.outcome is Outcome.UNREACHABLE


# --- Ctrl-C


MOMENTS = {**EARLY, **LATE}


@pytest.mark.timed
@pytest.mark.parametrize("moment", MOMENTS)
async def test_cancelled_call_says_goodbye_and_is_gone_within_a_second(
    moment: str, contexts: tuple[ssl.SSLContext | None, ssl.SSLContext | None]
) -> None:
    own, peers = contexts
    async with running(RawServer(MOMENTS[moment], "hang"), own) as server:
        with nothing_left() as plain:
            spec = replace(spec_of(server, own), timeouts=CallTimeouts(), hold_seconds=0.0 if moment == "bye" else 60.0)
            config = replace(plain, tls=None if peers is None else lambda: peers)
            task = asyncio.create_task(PlacedCall(spec, config).run())
            async with asyncio.timeout(5.0):
                await server.reached.wait()
            if moment in ("trying", "ringing", "answer"):
                # Until what was sent is taken: one exchange with somebody else on loopback is later than that.
                await place_call(CallSpec(f"sip:2001@127.0.0.1:{closed_port()}"), config)
            began_at = time.monotonic()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            assert task.cancelled()
            assert time.monotonic() - began_at < 1.0
    goodbye = {"nothing": [], "invite": [], "trying": ["CANCEL"], "ringing": ["CANCEL"]}.get(moment, ["BYE"])
    assert [method for method in server.methods if method in ("CANCEL", "BYE")] == goodbye


async def test_cancelled_call_that_is_connecting_leaves_nothing(certificates: LabCertificates) -> None:
    context = build_client_context(certificates.ca_file)
    async with running(RawServer([], "deaf")) as server:
        with nothing_left() as config:
            spec = CallSpec(f"sips:2001@127.0.0.1:{server.port}")
            task = asyncio.create_task(PlacedCall(spec, replace(config, tls=lambda: context)).run())
            done, _ = await asyncio.wait([task], timeout=0.1)
            assert not done
            task.cancel()
            await asyncio.wait([task], timeout=1.0)
            assert task.cancelled()
