"""limits.max_request_uri_bytes: a Request-URI to fill memory, logs and whatever reads them."""

from tests.hardening.rig import Target, assert_redirect, build_invite, status_of

LIMIT = 4096
AROUND = len("sip:@router.example.test")


def build_long(call: str, length: int) -> bytes:
    return build_invite(call, uri=f"sip:{'4' * (length - AROUND)}@router.example.test")


async def test_request_uri_of_just_the_limit_is_redirected_whole(target: Target) -> None:
    async with target.connect() as caller:
        answer = await caller.exchange(build_long("brim", LIMIT))
    assert status_of(answer) == 302
    assert b"<sip:" + b"4" * (LIMIT - AROUND) + b"@mbx1.example.test" in answer


async def test_request_uri_over_the_limit_gets_414_and_the_connection_stays(target: Target) -> None:
    async with target.connect() as caller:
        for length in (LIMIT + 1, 60_000):
            answer = await caller.exchange(build_long(f"over-{length}", length))
            assert status_of(answer) == 414
            assert b"4444" not in answer
        assert_redirect(await caller.exchange(build_invite("after-long")))
