"""Names without number: header fields and parameters that fill hash tables. No setting of its own belongs to it.

limits.max_headers and limits.max_head_bytes bound how many there can be; the interpreter seeds its string hashes, so
that no list of names collides by plan. What is left is that the time for one message stays small.
"""

import asyncio
from typing import Any

import pytest

from tests.hardening.rig import PROMPT_SECONDS, Target, build_invite, status_of

PARAMETERS = "".join(f";p{number}" for number in range(8_000))
VALUES = "".join(f";p{number}=v" for number in range(6_000))
OPTION_TAGS = ",".join(f"t{number}" for number in range(8_000))

FLOODS: dict[str, dict[str, Any]] = {
    "header-names": {"extra": "".join(f"X-{number}: v\r\n" for number in range(240))},
    "via-parameters": {"replace": {"Via": f"SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bK-names{PARAMETERS}"}},
    "from-parameters": {"replace": {"From": f"<sip:5551234@127.0.0.1>;tag=names{VALUES}"}},
    "to-parameters": {"replace": {"To": f"<sip:4000@router.example.test>{VALUES}"}},
    "contact-parameters": {"replace": {"Contact": f"<sip:gateway@127.0.0.1{PARAMETERS[:20_000]}>{VALUES[:20_000]}"}},
    "supported": {"extra": f"Supported: {OPTION_TAGS}\r\n"},
    "vias": {"extra": "".join(f"Via: SIP/2.0/TCP 10.0.0.1;branch=z9hG4bK{number}\r\n" for number in range(240))},
    "vias-in-a-row": {
        "replace": {"Via": ",".join(f"SIP/2.0/TCP 10.0.0.1;branch=z9hG4bK{number}" for number in range(1_400))}
    },
}


@pytest.mark.parametrize("flood", FLOODS)
async def test_flood_of_names_is_answered_promptly(target: Target, flood: str) -> None:
    loop = asyncio.get_running_loop()
    async with target.connect() as attacker:
        for number in range(3):
            sent_at = loop.time()
            answer = await attacker.exchange(build_invite(f"names-{flood}-{number}", **FLOODS[flood]))
            assert loop.time() - sent_at < PROMPT_SECONDS
            assert status_of(answer) in (302, 482)
    await target.assert_serves()


async def test_flood_of_uri_parameters_is_answered_promptly(target: Target) -> None:
    uri = f"sip:4000@router.example.test{PARAMETERS[:4_000]}"
    async with asyncio.timeout(PROMPT_SECONDS), target.connect() as attacker:
        assert status_of(await attacker.exchange(build_invite("names-uri", uri=uri))) in (302, 400)
    await target.assert_serves()
