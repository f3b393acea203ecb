"""baresip, a phone of another descent, dials a number and comes out at the worker, over TCP and over mutual TLS.

Three INVITEs, two 302s, one 200, ACK, BYE: by the phone's own trace and by the lab's log.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from callrouter.certificates.authority import write_lab_certificates
from tests.interop.three_hops.baresip import Account, Step, start_phone, write_identity
from tests.interop.three_hops.lab import THREE_HOPS, Lab

pytestmark = [pytest.mark.interop, pytest.mark.timed]


def expect_steps(transport: str, router: int, service: int, worker: int) -> list[Step]:
    steps = [
        *(("INVITE", router), ("302", router), ("ACK", router)),
        *(("INVITE", service), ("302", service), ("ACK", service)),
        *(("INVITE", worker), ("100", worker), ("180", worker), ("200", worker), ("ACK", worker)),
        *(("BYE", worker), ("200", worker)),
    ]
    return [(transport, what, port) for what, port in steps]


@pytest.mark.parametrize(
    ("transport", "ports"),
    [pytest.param("TCP", (5060, 5062, 5065), id="tcp"), pytest.param("TLS", (5061, 5063, 5066), id="mutual-tls")],
)
async def test_baresip_follows_both_redirects_to_an_answered_call(
    find_tool: Callable[[str], str], lab: Lab, tmp_path: Path, transport: str, ports: tuple[int, int, int]
) -> None:
    identity = tmp_path / "identity.pem"
    write_identity(lab.certificates, identity)
    account = Account(f"{lab.network}.4", transport.lower(), identity, lab.certificates / "ca.pem")
    async with start_phone(find_tool("baresip"), tmp_path, account) as phone:
        await phone.read_until("baresip is ready")
        phone.type_line(f"/dial sip:2001@{lab.address}")
        await phone.read_until("Call established: sip:2001@")
        phone.type_line("/hangup")
        await phone.read_until(r"CSeq: \d+ BYE.*SIP/2\.0 200 OK.*CSeq: \d+ BYE")
        exit_code = await phone.quit()

    assert exit_code == 0
    assert phone.list_steps(ports) == expect_steps(transport, *ports)
    [call_id] = phone.call_ids
    assert lab.wait_for_hops(call_id) == list(THREE_HOPS)


async def test_baresip_with_a_certificate_of_another_authority_gets_no_answer(
    find_tool: Callable[[str], str], lab: Lab, tmp_path: Path
) -> None:
    # Shows that the certificate of the call above was asked for and looked at.
    others = write_lab_certificates(tmp_path / "others", hosts=["localhost"], now=datetime.now(UTC)).directory
    identity = tmp_path / "identity.pem"
    write_identity(others, identity)
    account = Account(f"{lab.network}.4", "tls", identity, lab.certificates / "ca.pem")
    async with start_phone(find_tool("baresip"), tmp_path, account) as phone:
        await phone.read_until("baresip is ready")
        phone.type_line(f"/dial sip:2001@{lab.address}")
        await phone.read_until("INVITE sip:2001@")
        lab.log.wait_for(1, event="tls handshake failed", event_id=1649)

    assert phone.list_steps((5061,)) == [("TLS", "INVITE", 5061)]
