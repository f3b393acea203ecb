import socket

import pytest

from callrouter.certificates.names import host_names


def test_host_names_begin_with_the_host_and_hold_nothing_twice() -> None:
    names = host_names()
    assert names[0] == socket.gethostname() or "_" in socket.gethostname()
    assert len(names) == len(set(names))


def test_host_names_of_a_host_that_cannot_resolve_itself_are_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "gethostname", lambda: "box")
    monkeypatch.setattr(socket, "getfqdn", lambda: "box.example.test")
    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert host_names() == ["box", "box.example.test"]


def test_host_names_leave_out_what_no_certificate_can_say(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = ["fe80::1%eth0", "192.0.2.7", "192.0.2.7", "2001:db8::1"]
    monkeypatch.setattr(socket, "gethostname", lambda: "under_score")
    monkeypatch.setattr(socket, "getfqdn", lambda: "")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: [(0, 0, 0, "", (address, 0)) for address in addresses])
    assert host_names() == ["192.0.2.7", "2001:db8::1"]
