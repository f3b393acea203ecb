"""The last steps of every answer: its texts as octets, and the tag that names it.

`_write.c` does the same where it was compiled, and a property test holds the two together.
"""

from collections.abc import Callable, Hashable
from typing import Final, TypeAlias

from callrouter.sip.grammar import encode

Join: TypeAlias = Callable[[tuple[str, ...]], bytes]
MakeTag: TypeAlias = Callable[[Hashable], str]

_TAG_BYTES: Final = 5
_TAG_MASK: Final = 2**40 - 1


def join_in_python(texts: tuple[str, ...]) -> bytes:
    """All texts as octets (`grammar.encode`), one behind the other."""
    return encode("".join(texts))


def make_tag_in_python(name: Hashable) -> str:
    """10 lower-case hex digits of the hash of a name: 40 bits, more than the 32 of RFC 3261 19.3 (EXCHANGE-UM A2).

    The same name gives the same tag as long as the process lives.
    """
    return (hash(name) & _TAG_MASK).to_bytes(_TAG_BYTES, "big").hex()


join: Join
make_tag: MakeTag
try:
    from callrouter.sip._write import join as join_in_c
    from callrouter.sip._write import make_tag as make_tag_in_c
except ImportError:  # not compiled
    join, make_tag = join_in_python, make_tag_in_python
else:
    join, make_tag = join_in_c, make_tag_in_c
