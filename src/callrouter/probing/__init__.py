"""Finds out which Mailbox servers take calls: an OPTIONS exchange on a kept connection, one task per port."""
