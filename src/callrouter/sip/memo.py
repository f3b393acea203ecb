"""What one connection has read before and will see again: its Request-URIs, its own sent-by, its sequence numbers.

A peer calls few numbers and always writes the same Via host, so most values are found here instead of read again.
Each table is bounded in entries and in the size of an entry; a full one is emptied. The same text gives the same value.
"""

from callrouter.sip.cseq import CSeq, parse_cseq
from callrouter.sip.uri import Uri, parse_host_port, parse_uri

_MAX_ENTRIES = 64
_MAX_TEXT = 256


class Memo:
    """Values by their text."""

    __slots__ = ("_cseqs", "_hosts", "_uris")

    def __init__(self) -> None:
        self._uris: dict[str, Uri] = {}
        self._hosts: dict[str, tuple[str, int | None]] = {}
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

    def host_port(self, text: str) -> tuple[str, int | None]:
        """As `parse_host_port`.

        Raises:
            UriError: as there.
        """
        known = self._hosts.get(text)
        if known is None:
            known = parse_host_port(text)
            if len(text) <= _MAX_TEXT:
                if len(self._hosts) >= _MAX_ENTRIES:
                    self._hosts.clear()
                self._hosts[text] = known
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
