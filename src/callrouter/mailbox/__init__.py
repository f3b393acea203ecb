"""The Mailbox role, emulated, signalling only: UM service (second hop) and UM worker processes (third hop)."""
