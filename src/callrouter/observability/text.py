"""Makes text of a peer safe to show: one line, no control, nothing that cannot be encoded.

SIP text is decoded with surrogateescape, so it may hold lone surrogates, and a quoted string may hold controls. The
result is for people and log shippers; it is not meant to be turned back.
"""

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_FIRST_ESCAPED_OCTET = 0xDC80  # surrogateescape: octet 0x80 (PEP 383)
_LAST_ESCAPED_OCTET = 0xDCFF
_BASIC_PLANE_END = 0xFFFF
_ASCII_END = 0x7F


def visible_text(value: str) -> str:
    r"""Return `value` with every character that does not print as a backslash escape.

    Controls of ASCII and octets that were no UTF-8 become \xNN (with \n, \r and \t for the usual three), others
    \uNNNN or \UNNNNNNNN: line separators, bidirectional overrides, lone surrogates.
    """
    if value.isprintable():
        return value
    return "".join(character if character.isprintable() else _escape(character) for character in value)


def _escape(character: str) -> str:
    named = _NAMED.get(character)
    if named is not None:
        return named
    code = ord(character)
    if _FIRST_ESCAPED_OCTET <= code <= _LAST_ESCAPED_OCTET:
        return f"\\x{code & 0xFF:02x}"
    if code <= _ASCII_END:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= _BASIC_PLANE_END else f"\\U{code:08x}"
