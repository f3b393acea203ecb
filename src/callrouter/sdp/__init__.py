"""Session descriptions: reading, writing, offer and answer (RFC 8866, RFC 3264). No media is sent or read."""
