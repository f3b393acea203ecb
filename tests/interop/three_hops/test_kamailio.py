"""Kamailio as an SBC follows both redirects itself: SIPp behind it sees one call that is answered."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interop.sipp_tool import Load, Sipp
from tests.interop.three_hops.kamailio import Sending, start_sbc
from tests.interop.three_hops.lab import THREE_HOPS, Lab

pytestmark = [pytest.mark.interop, pytest.mark.timed]

_ANSWERED = Path(__file__).resolve().parent.parent / "sipp" / "answered.xml"
_CALLS = Load(calls=50, per_second=50, mode="t1")


_TLS_MODULES = ("lib*/kamailio/modules/tls.so", "lib*/*/kamailio/modules/tls.so", "local/lib*/kamailio/modules/tls.so")


@pytest.fixture
def kamailio_with_tls(find_tool: Callable[[str], str]) -> str:
    """Kamailio, where its TLS module is there too: Debian has it in a package of its own."""
    program = find_tool("kamailio")
    if not any(next(Path("/usr").glob(pattern), None) for pattern in _TLS_MODULES):
        if os.environ.get("CI"):
            pytest.fail("Kamailio's module tls is not installed")
        pytest.skip("Kamailio's module tls is not installed")
    return program


async def place_answered_calls(sipp: Sipp, lab: Lab, target: str) -> set[str]:
    """All calls are answered, each by the third hop; the transports over which the hops were reached."""
    before, hung_up, seen = lab.count_hops(), lab.count_hung_up(), len(lab.log.select(event="call"))

    result = await sipp.place_calls(_ANSWERED, target, _CALLS)

    assert (result.exit_code, result.successful, result.failed) == (0, 50, 0), result.errors
    lab.wait_for_calls(hung_up + 50)
    assert lab.count_hops() - before == Counter(dict.fromkeys(THREE_HOPS, 50))
    return {line["transport"] for line in lab.log.select(event="call")[seen:]}


async def test_kamailio_follows_both_redirects_over_tcp(
    find_tool: Callable[[str], str], sipp: Sipp, lab: Lab, tmp_path: Path
) -> None:
    async with start_sbc(find_tool("kamailio"), tmp_path, lab, Sending()) as sbc:
        assert await place_answered_calls(sipp, lab, f"{sbc.address}:5060") == {"TCP"}


async def test_kamailio_follows_both_redirects_over_mutual_tls(
    kamailio_with_tls: str, sipp: Sipp, lab: Lab, tmp_path: Path
) -> None:
    async with start_sbc(kamailio_with_tls, tmp_path, lab, Sending(defines=("WITH_TLS",))) as sbc:
        assert await place_answered_calls(sipp, lab, f"{sbc.address}:5060") == {"TLS"}


async def test_kamailio_passes_on_a_redirect_to_a_host_that_is_no_mailbox_server(
    find_tool: Callable[[str], str], sipp: Sipp, lab: Lab, tmp_path: Path
) -> None:
    async with start_sbc(find_tool("kamailio"), tmp_path, lab, Sending(mailbox_hosts="192[.]0[.]2[.]1")) as sbc:
        result = await sipp.place_calls(_ANSWERED, f"{sbc.address}:5060", Load(calls=1, per_second=1, mode="t1"))

    assert (result.exit_code, result.successful, result.failed) == (1, 0, 1)
    assert "received 'SIP/2.0 302 Moved Temporarily" in result.errors
    assert f"\nContact: <sip:desk%2E4000@{lab.address}:5062;transport=Tcp>" in result.errors.replace("\r", "")
