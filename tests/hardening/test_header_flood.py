"""limits.max_headers: more header fields than any call has."""

from tests.hardening.rig import Target, assert_redirect, build_ack, build_invite, status_of


async def test_header_flood_gets_513_and_the_connection_stays(target: Target) -> None:
    async with target.connect() as caller:
        flood = build_invite("flood", extra="a:b\r\n" * 10_000)
        # What comes before the flood is enough to answer; the message's end is known.
        assert status_of(await caller.exchange(flood)) == 513
        assert_redirect(await caller.exchange(build_invite("after-flood")))


async def test_headers_of_just_the_limit_are_served_and_one_more_is_not(target: Target) -> None:
    own = build_invite("x").count(b"\r\n") - 2
    async with target.connect() as caller:
        full = build_invite("full", extra="a:b\r\n" * (256 - own))
        assert_redirect(await caller.exchange(full))
        assert status_of(await caller.exchange(build_invite("fuller", extra="a:b\r\n" * (257 - own)))) == 513


async def test_header_flood_before_content_length_does_not_turn_the_body_into_a_request(target: Target) -> None:
    smuggled = build_invite("smuggled").decode()
    async with target.connect() as caller:
        answer = await caller.exchange(build_invite("carrier", extra="a:b\r\n" * 300, body=smuggled))
        assert status_of(answer) == 513
        await caller.send(build_ack("carrier", answer))
        caller.end_sending()
        assert b"smuggled" not in await caller.read_to_end()
