"""limits.max_body_bytes: a Content-Length that asks for gigabytes."""

import asyncio

import pytest

from tests.hardening.rig import Target, assert_redirect, build_invite, status_of

LIMIT = 131_072
MEGABYTE = 1024 * 1024


def build_announcement(call: str, length: int | str) -> bytes:
    return build_invite(call).replace(b"Content-Length: 0", f"Content-Length: {length}".encode())


@pytest.mark.parametrize("length", [LIMIT + 1, 2**31, 10**9])
async def test_huge_body_gets_413_before_it_is_sent_and_the_connection_closes(target: Target, length: int) -> None:
    async with target.connect() as attacker:
        assert status_of(await attacker.exchange(build_announcement(f"huge-{length}", length))) == 413
        assert await attacker.read_to_end() == b""
    await target.assert_serves()


@pytest.mark.parametrize("length", ["9" * 10_000, str(2**63)], ids=["ten-thousand-digits", "64-bits"])
async def test_huge_body_whose_length_is_no_length_gets_400_and_a_close(target: Target, length: str) -> None:
    async with target.connect() as attacker:
        assert status_of(await attacker.exchange(build_announcement("digits", length))) == 400
        assert await attacker.read_to_end() == b""
    await target.assert_serves()


async def test_huge_body_of_many_peers_allocates_nothing(target: Target) -> None:
    async def announce(number: int) -> None:
        async with target.connect() as attacker:
            assert status_of(await attacker.exchange(build_announcement(f"many-{number}", 2**30))) == 413

    await asyncio.gather(*(announce(number) for number in range(20)))
    before = target.resident_bytes
    await asyncio.gather(*(announce(number) for number in range(200)))
    assert target.resident_bytes - before < 10 * MEGABYTE
    await target.assert_serves()


async def test_body_of_just_the_limit_is_served(target: Target) -> None:
    async with target.connect() as caller:
        assert_redirect(await caller.exchange(build_invite("brim-body", body="v" * LIMIT)))
        assert_redirect(await caller.exchange(build_invite("after-body")))
