"""Mutual TLS for the bench, from a directory of lab certificates (`callrouter certs DIRECTORY` writes one).

Both sides ask for TLS 1.2 or newer and verify the other against `ca.pem`, as the router does.
"""

import ssl
from pathlib import Path


def build_server_context(directory: Path) -> ssl.SSLContext:
    """The floor's side: shows `router.pem`, demands a client certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=directory / "ca.pem")
    context.load_cert_chain(directory / "router.pem", directory / "router-key.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def build_client_context(directory: Path) -> ssl.SSLContext:
    """The generator's side: shows `client.pem`, expects a server named localhost."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=directory / "ca.pem")
    context.load_cert_chain(directory / "client.pem", directory / "client-key.pem")
    return context
