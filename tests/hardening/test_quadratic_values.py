"""Values made to be read again and again: 64 kB of one separator. No setting of its own belongs to it.

limits.max_head_bytes bounds a value; reading it must cost time in proportion to its length and no more.
"""

import asyncio

import pytest

from tests.hardening.rig import PROMPT_SECONDS, Target, build_invite

LENGTH = 64_000
FILLINGS = {
    "quotes": '"',
    "backslashes": "\\",
    "quoted-backslashes": '"\\',
    "commas": ",",
    "semicolons": ";",
    "opening-brackets": "<",
    "closing-brackets": ">",
    "brackets": "<>",
    "square-brackets": "[",
    "parentheses": "(",
    "quotes-and-brackets": '"<',
    "empty-quotes": '"",',
    "blanks": " ",
    "tabs": "\t ",
    "colons": ":",
    "at-signs": "@",
    "slashes": "/",
    "equals": ";=",
    "percent": "%",
    "letters": "a",
    "folds": "\r\n ",
}
HEADERS = {
    "Via": "SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bK-long;x={}",
    "From": "{}<sip:5551234@127.0.0.1>;tag=long",
    "To": "{}<sip:4000@router.example.test>",
    "Contact": "{}",
    "Diversion": '"{}" <sip:5000@gateway.example.test>;reason=no-answer',
    "History-Info": "<sip:5000@gateway.example.test?Reason={}>;index=1",
    "CSeq": "1{}INVITE",
    "Call-ID": "{}",
}


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("filling", FILLINGS)
async def test_long_value_is_done_with_promptly(target: Target, name: str, filling: str) -> None:
    piece = FILLINGS[filling]
    value = HEADERS[name].format(piece * (LENGTH // len(piece)))
    # Whether it is answered or the connection is closed is the parser's business; here only the time counts.
    async with asyncio.timeout(PROMPT_SECONDS), target.connect() as attacker:
        await attacker.send(build_invite(f"long-{name}-{filling}", replace={name: value}))
        attacker.end_sending()
        received = await attacker.read_to_end()
    assert received.count(b"SIP/2.0 ") <= 1


async def test_router_serves_after_long_values(target: Target) -> None:
    await target.assert_serves()
