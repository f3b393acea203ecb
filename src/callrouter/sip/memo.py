"""What was read before and will be seen again: Request-URIs, sent-by, sequence numbers.

Callers call few numbers and always write the same Via host, so most values are found here instead of read again.
"""

from typing import Generic, TypeVar

from callrouter.sip.cseq import CSeq, parse_cseq
from callrouter.sip.uri import Uri, parse_uri
from callrouter.sip.via import SentBy, parse_sent_by

SHARED_ENTRIES = 4096
"""Of a table that all connections share."""
_OWN_ENTRIES = 64
_MAX_TEXT = 256

Value = TypeVar("Value")


class Table(Generic[Value]):
    """Values by their text, bounded in entries and in the size of an entry; a full one is emptied."""

    __slots__ = ("_max_entries", "_values", "find")

    def __init__(self, max_entries: int) -> None:
        self._max_entries = max_entries
        self._values: dict[str, Value] = {}
        self.find = self._values.get
        """The value that was kept of a text, or None. Bound here because every message comes by."""

    def __len__(self) -> int:
        return len(self._values)

    def keep(self, text: str, value: Value) -> Value:
        """Keep what was read of a text; returns it."""
        if len(text) <= _MAX_TEXT:
            if len(self._values) >= self._max_entries:
                self._values.clear()
            self._values[text] = value
        return value


class Memo:
    """Values by their text; the same text gives the same value, so that connections may share one."""

    __slots__ = ("_cseqs", "_sent_bys", "_uris")

    def __init__(self, max_entries: int = _OWN_ENTRIES) -> None:
        self._uris: Table[Uri] = Table(max_entries)
        self._sent_bys: Table[SentBy] = Table(max_entries)
        self._cseqs: Table[CSeq] = Table(max_entries)

    def __len__(self) -> int:
        return len(self._uris) + len(self._sent_bys) + len(self._cseqs)

    def uri(self, text: str) -> Uri:
        """As `parse_uri`.

        Raises:
            UriError: as there.
        """
        return self._uris.find(text) or self._uris.keep(text, parse_uri(text))

    def sent_by(self, text: str) -> SentBy:
        """As `parse_sent_by`.

        Raises:
            HeaderError: as there.
        """
        return self._sent_bys.find(text) or self._sent_bys.keep(text, parse_sent_by(text))

    def cseq(self, text: str) -> CSeq:
        """As `parse_cseq`.

        Raises:
            HeaderError: as there.
        """
        return self._cseqs.find(text) or self._cseqs.keep(text, parse_cseq(text))
