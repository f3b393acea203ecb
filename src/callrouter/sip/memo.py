"""What one connection has read before and will see again: its Request-URIs, its own sent-by, its sequence numbers.

A peer calls few numbers and always writes the same Via host, so most values are found here instead of read again.
Each table is bounded in entries and in the size of an entry; a full one is emptied. The same text gives the same value.
"""

from callrouter.sip.cseq import CSeq, parse_cseq
from callrouter.sip.uri import Uri, parse_uri
from callrouter.sip.via import SentBy

_MAX_ENTRIES = 64
_MAX_TEXT = 256


class Memo:
    """Values by their text."""

    __slots__ = ("_cseqs", "_uris", "sent_by")

    def __init__(self) -> None:
        self._uris: dict[str, Uri] = {}
        self.sent_by: dict[str, SentBy] = {}
        """For `parse_via`."""
        self._cseqs: dict[str, CSeq] = {}

    def uri(self, text: str) -> Uri:
        """As `parse_uri`.

        Raises:
            UriError: as there.
        """
        known = self._uris.get(text)
        if known is None:
            known = parse_uri(text)
            if len(text) <= _MAX_TEXT:
                if len(self._uris) >= _MAX_ENTRIES:
                    self._uris.clear()
                self._uris[text] = known
        return known

    def cseq(self, text: str) -> CSeq:
        """As `parse_cseq`.

        Raises:
            HeaderError: as there.
        """
        known = self._cseqs.get(text)
        if known is None:
            known = parse_cseq(text)
            if len(text) <= _MAX_TEXT:
                if len(self._cseqs) >= _MAX_ENTRIES:
                    self._cseqs.clear()
                self._cseqs[text] = known
        return known
