"""The messages of the RFCs are octets: an editor or a git setting that touches their line ends must not go unseen."""

import json
import re
from hashlib import sha256
from typing import Any

import pytest

from tests.architecture.house import ROOT, TESTS

VECTORS = TESTS / "conformance" / "vectors"


def read_index(name: str) -> list[dict[str, Any]]:
    index = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))
    messages: list[dict[str, Any]] = index["messages"]
    assert len(messages) == index["count"]
    return messages


def digest(octets: bytes) -> str:
    return sha256(octets).hexdigest()


def test_messages_of_rfc_4475_are_octet_for_octet_those_of_the_rfc() -> None:
    for message in read_index("rfc4475"):
        octets = (VECTORS / message["file"]).read_bytes()
        assert (len(octets), digest(octets)) == (message["length"], message["sha256"]), message["file"]


def test_messages_of_rfc_5118_are_those_of_the_rfc_with_line_ends_of_the_wire() -> None:
    for message in read_index("rfc5118"):
        octets = (VECTORS / message["files"]["tcp"]).read_bytes()
        # The archive has bare LFs, lengths that were counted otherwise, and in two messages no empty line at the end.
        length = f"Content-Length: {message['content_length']}".encode()
        archived = re.sub(rb"Content-Length: \d+", length, octets.replace(b"\r\n", b"\n"))
        digests = {digest(archived), digest(archived.removesuffix(b"\n"))}
        assert message["sha256_archive"] in digests, message["files"]["tcp"]


def test_edge_messages_have_the_length_that_their_index_says() -> None:
    for message in read_index("edges"):
        assert (VECTORS / message["file"]).stat().st_size == message["octets"], message["file"]


@pytest.mark.parametrize(("index", "folder"), [("rfc4475", "rfc4475"), ("rfc5118", "rfc5118-tcp"), ("edges", "edges")])
def test_every_vector_file_is_in_its_index(index: str, folder: str) -> None:
    named = {message.get("file") or message["files"]["tcp"] for message in read_index(index)}
    assert {str(path.relative_to(VECTORS)) for path in (VECTORS / folder).glob("*.dat")} == named


def test_git_keeps_vector_files_as_they_are() -> None:
    attributes = (ROOT / ".gitattributes").read_text("utf-8").splitlines()
    assert "*.dat binary" in attributes
