"""limits.max_head_bytes: a header line, or a start line, that never ends."""

import asyncio

from tests.hardening.rig import Target, build_invite, status_of

MEGABYTE = 1024 * 1024
ANSWERABLE = build_invite("endless").partition(b"Content-Length")[0] + b"X-Endless: "


async def test_endless_header_line_after_a_via_gets_513_and_the_connection_closes(target: Target) -> None:
    async with target.connect() as attacker:
        await attacker.send(ANSWERABLE + b"a" * 70_000)
        answer = await attacker.read_to_end()
    assert status_of(answer) == 513
    assert answer.count(b"SIP/2.0 ") == 1
    await target.assert_serves()


async def test_endless_start_line_closes_without_an_answer(target: Target) -> None:
    async with target.connect() as attacker:
        await attacker.send(b"INVITE sip:" + b"a" * 70_000)
        assert await attacker.read_to_end() == b""
    await target.assert_serves()


async def test_endless_header_line_of_many_peers_leaves_memory_flat(target: Target) -> None:
    async def attack() -> None:
        async with target.connect() as attacker:
            try:
                for _ in range(32):
                    await attacker.send(b"a" * (MEGABYTE // 16))
            except ConnectionError:
                return  # the router has hung up, as it should
            await attacker.read_to_end()

    await asyncio.gather(*(attack() for _ in range(5)))
    before = target.resident_bytes
    for _ in range(10):
        await asyncio.gather(*(attack() for _ in range(10)))
    assert target.resident_bytes - before < 10 * MEGABYTE
    await target.assert_serves()


async def test_head_of_just_the_limit_is_served(target: Target) -> None:
    invite = build_invite("brim", extra=f"X-Long: {'a' * 65_000}\r\n")
    room = 65_536 - (len(invite) - len(b"\r\n\r\n"))
    invite = build_invite("brim", extra=f"X-Long: {'a' * (65_000 + room)}\r\n")
    async with target.connect() as caller:
        assert status_of(await caller.exchange(invite)) == 302
        assert status_of(await caller.exchange(invite.replace(b"brim", b"over").replace(b"X-Long", b"X-Longer"))) == 513
