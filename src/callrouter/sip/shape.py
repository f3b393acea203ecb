"""Shapes: which header fields a request has, in which order. What was written alike before is read by one expression.

A caller writes all its requests alike, but for what stands in them. An expression for its shape reads a head in a third
of the time that it takes to cut it into rows first. For the scanner in Python alone: the one in C has no need of it.
"""

import re
from collections.abc import Callable
from typing import Any, TypeAlias

Names: TypeAlias = tuple[str, ...]
"""Of all rows, as the RFC spells them, each once."""

Values: TypeAlias = tuple[str | Any, ...]
"""In this order: method, Request-URI; Via, of it what stands before the branch, and the branch; From, its address, its
tag; To, its tag; Call-ID; CSeq, its number, its method; Max-Forwards; Content-Length; Diversion. What is not there
is "", a tag that is not there None."""

_MOST_KNOWN = 4
_MEETINGS = 32
"""So often a shape is met before an expression is made for it, which takes as long as reading some twenty requests."""
_MOST_MET = 64
_MOST_NAMES = 24

# Possessive throughout, so that there is one way only to match a text, and of printable ASCII, for which it need not be
# looked through before. No value begins or ends with a space.
WORD = r"[A-Za-z0-9\-.!%*_+`'~]++"
ADDRESS = r'(?:"[ !#-;=?-\[\]-~]*+" ?+)?+<[!#-;=?-\[\]-~]++>'
NUMBER = r"[0-9]{1,9}+"
FORWARDS = r"[0-9]{1,3}+"
_VALUE = r"[!-~][ -~]*+(?<! )"
_START = rf"(?P<method>{WORD}) (?P<uri>[!-~]++) SIP/2\.0"
_ROWS = {
    "Via": rf"(?P<via>(?! )(?P<sent_by>[ -+\--:<-~]++);branch=(?P<branch>z9hG4bK{WORD}))",
    "From": rf"(?P<from>(?P<from_address>{ADDRESS})(?:;tag=(?P<from_tag>{WORD}))?+)",
    "To": rf"(?P<to>{ADDRESS}(?:;tag=(?P<to_tag>{WORD}))?+)",
    "Call-ID": r"(?P<call_id>[!-~]++)",
    "CSeq": rf"(?P<cseq>(?P<number>{NUMBER}) (?P<cseq_method>{WORD}))",
    "Max-Forwards": rf"(?P<forwards>{FORWARDS})",
    "Content-Length": rf"(?P<length>{NUMBER})",
    "Diversion": rf"(?P<diversion>{_VALUE})",
}
_NEEDED = frozenset(("Via", "From", "To", "Call-ID", "CSeq"))
_ORDER = (
    "method", "uri", "via", "sent_by", "branch", "from", "from_address", "from_tag", "to", "to_tag", "call_id", "cseq",
    "number", "cseq_method", "forwards", "length", "diversion",
)  # fmt: skip


class _Shape:
    """One shape with its expression."""

    __slots__ = ("match", "names", "order")

    def __init__(self, names: Names) -> None:
        self.names = names
        rows = "".join([rf"\r\n{re.escape(name)}: {_ROWS.get(name, _VALUE)}" for name in names])
        # What the shape has not is an empty group, of which there has to be one.
        expression = re.compile(rf"{_START}{rows}(?P<none>)")
        self.match: Callable[[str], re.Match[str] | None] = expression.fullmatch
        self.order = tuple(expression.groupindex.get(name, expression.groups) for name in _ORDER)


class Shapes:
    """The shapes that are met most, the last one first. Never changes what is read, only how fast."""

    __slots__ = ("_known", "_met")

    def __init__(self) -> None:
        self._known: list[_Shape] = []
        self._met: dict[Names, int] = {}

    def __len__(self) -> int:
        return len(self._known)

    def read(self, head: str, max_headers: int) -> Values | None:
        """What is in a head, without the empty line that ends it; None where it has no shape that is known."""
        for place, shape in enumerate(self._known):
            found = shape.match(head)
            if found is not None:
                if place:
                    self._known.insert(0, self._known.pop(place))
                return found.group(*shape.order) if len(shape.names) <= max_headers else None
        return None

    def meet(self, names: Names) -> None:
        """Take note of a head that `read` could have read, had it known its shape."""
        count = self._met.pop(names, 0) + 1
        if count < _MEETINGS:
            if len(self._met) >= _MOST_MET:
                self._met.clear()
            self._met[names] = count
        else:
            self.learn(names)

    def learn(self, names: Names) -> None:
        """Know a shape from now on, in place of the one that was met longest ago where there are too many.

        Not one with History-Info, nor one without what every answer needs, or without the length of a body that is
        there; nor one of so many rows that to make its expression takes long.
        """
        may_be_one = len(names) <= _MOST_NAMES and ("Content-Length" in names or "Content-Type" not in names)
        is_known = any(shape.names == names for shape in self._known)
        if may_be_one and not is_known and _NEEDED.issubset(names) and "History-Info" not in names:
            del self._known[_MOST_KNOWN - 1 :]
            self._known.insert(0, _Shape(names))

    def clear(self) -> None:
        """Forget all."""
        self._known.clear()
        self._met.clear()
