"""The port through which the API reaches emulated Mailbox servers."""

import pytest

from callrouter.admin.mailbox_control import MailboxControl, NoSuchEntry
from tests.unit.admin.fake_control import FakeMailbox


def test_mailbox_control_is_anything_that_can_be_asked_and_told() -> None:
    control: MailboxControl = FakeMailbox()
    assert [status.server for status in control.workers()] == ["MBX1", "rack 3/MBX2"]


def test_what_is_missing_is_told_in_one_line() -> None:
    # Not a KeyError, whose text has quotes around it.
    error = NoSuchEntry("no user has the name 'bob'")
    assert isinstance(error, LookupError)
    assert str(error) == "no user has the name 'bob'"
    with pytest.raises(LookupError, match="'carol'"):
        FakeMailbox().worker("carol")
