"""What can go wrong with a session description. Texts are our own words and never hold octets of the peer."""


class SdpError(ValueError):
    """The description cannot be read, or not be written."""


class NoCommonMedia(Exception):  # noqa: N818 - STYLE: errors say what was wrong
    """The offer is sound, but nothing in it can be taken (RFC 3261 21.4.26: 488)."""
