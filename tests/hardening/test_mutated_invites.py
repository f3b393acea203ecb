"""Mutated INVITEs, thousands of them: nothing crashes, nothing leaks, honest calls go on.

No setting belongs to this one. The mutations come of a fixed seed, so that a failure can be had again.
"""

import random
from collections.abc import Callable

import pytest

from tests.hardening.rig import Target, assert_redirect, build_ack, build_invite

SEED = 3261
MUTANTS = 2500
WARM_UP = 500
MEGABYTE = 1024 * 1024
SPECIAL = b'\r\n\0\t "\\<>;,:@=[]()%/\xff\x80\xc3'

Mutation = Callable[[random.Random, bytearray], None]


def flip(chance: random.Random, octets: bytearray) -> None:
    octets[chance.randrange(len(octets))] = chance.randrange(256)


def remove(chance: random.Random, octets: bytearray) -> None:
    start = chance.randrange(len(octets))
    del octets[start : start + chance.randrange(1, 30)]


def insert_special(chance: random.Random, octets: bytearray) -> None:
    position = chance.randrange(len(octets))
    octets[position:position] = bytes((chance.choice(SPECIAL),)) * chance.choice((1, 2, 1000))


def repeat(chance: random.Random, octets: bytearray) -> None:
    start = chance.randrange(len(octets))
    piece = octets[start : start + chance.randrange(1, 60)]
    octets[start:start] = piece * chance.choice((1, 2, 100))


def swap_lines(chance: random.Random, octets: bytearray) -> None:
    lines = octets.split(b"\r\n")
    first, second = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[first], lines[second] = lines[second], lines[first]
    octets[:] = b"\r\n".join(lines)


def enlarge_a_number(chance: random.Random, octets: bytearray) -> None:
    digits = [position for position, octet in enumerate(octets) if chr(octet).isdigit()]
    if digits:
        position = chance.choice(digits)
        octets[position : position + 1] = chance.choice((b"-1", b"4294967296", b"9" * 400, b"0x10", b"1e9"))


def cut_off(chance: random.Random, octets: bytearray) -> None:
    del octets[chance.randrange(len(octets)) :]
    octets += b"\r\n\r\n"


MUTATIONS: tuple[Mutation, ...] = (flip, remove, insert_special, repeat, swap_lines, enlarge_a_number, cut_off)


def mutate(chance: random.Random, call: str) -> bytes:
    octets = bytearray(build_invite(call, body="v=0\r\n"))
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        chance.choice(MUTATIONS)(chance, octets)
        octets = octets or bytearray(b"\r\n")
    return bytes(octets)


@pytest.mark.timeout(120)
async def test_mutated_invites_leave_the_router_alive_its_memory_flat_and_honest_calls_served(target: Target) -> None:
    chance = random.Random(SEED)  # noqa: S311 - it has to be the same each time
    answered = 0
    before = 0
    async with target.connect() as honest:
        for number in range(MUTANTS):
            async with target.connect() as attacker:
                await attacker.send(mutate(chance, f"mutant-{number}"))
                attacker.end_sending()
                answered += (await attacker.read_to_end()).startswith(b"SIP/2.0 ")
            call = f"honest-{number}"
            answer = await honest.exchange(build_invite(call))
            assert_redirect(answer)
            await honest.send(build_ack(call, answer))
            if number == WARM_UP:
                before = target.resident_bytes
    assert answered > MUTANTS // 2
    assert target.resident_bytes - before < 8 * MEGABYTE
    await target.assert_serves()
