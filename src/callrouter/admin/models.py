"""What the admin API says, and what `status` is told in: frozen models, the one source of the OpenAPI document.

Text may come from a peer or a file name, so every text field is made visible on its way in.
"""

from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from callrouter.directory.model import ComponentState
from callrouter.observability.text import visible_text


def _visible(value: Any) -> Any:
    return visible_text(value) if isinstance(value, str) else value


Text: TypeAlias = Annotated[str, BeforeValidator(_visible)]
"""Text in which whatever does not print is a backslash escape."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Liveness(_Model):
    """The process runs and its event loop turns."""

    status: Literal["ok"] = "ok"


class Listener(_Model):
    """A port that is listened on, as it was bound."""

    name: Text
    transport: Literal["TCP", "TLS"]
    address: Text
    port: Annotated[int, Field(ge=0, le=65535)]


class Certificate(_Model):
    """A certificate in use."""

    file: Text
    subject: Text
    not_after: datetime
    days_left: int


class DirectoryStatus(_Model):
    """The directory in use, and why the newest could not be taken."""

    source: Text
    gateways: Annotated[int, Field(ge=0)]
    servers: Annotated[int, Field(ge=0)]
    loaded_at: datetime | None = None
    error: Text = ""


class PoolServer(_Model):
    """A Mailbox server as the pool sees it."""

    name: Text
    state: Text
    """Its component state or health, as the pool calls it."""
    usable: bool
    """Whether a call may be sent there now."""
    detail: Text = ""
    """Why not, where there is more to say than the state."""


class PoolStatus(_Model):
    """The servers that calls are redirected to."""

    servers: tuple[PoolServer, ...] = ()


class Readiness(_Model):
    """Whether calls can be taken, and all that this hangs on."""

    ready: bool
    listeners: tuple[Listener, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    directory: DirectoryStatus
    pool: PoolStatus = PoolStatus()
    problems: tuple[Text, ...] = ()
    """In sentences; may be there while `ready` is true (a certificate that expires soon)."""


class Call(_Model):
    """An INVITE that was answered."""

    call_id: Text
    received_at: datetime
    peer: Text
    transport: Literal["TCP", "TLS"]
    certificate: Text
    """The first name in the peer's certificate, or ""."""
    status: int
    reason: Text
    contact: Text
    """Where it was redirected to, or ""."""
    detail: Text


class Calls(_Model):
    """Calls of the journal, the newest first."""

    calls: tuple[Call, ...]


class ClearedCalls(_Model):
    """The journal is empty now."""

    removed: int


class Problems(_Model):
    """Why a request was refused: one line for each reason."""

    problems: tuple[Text, ...]


class Replaced(_Model):
    """A list was replaced."""

    total: int
    """How many entries it has now."""


class Reloaded(_Model):
    """The directory was read again."""

    status: Literal["ok"] = "ok"


class ComponentStateOfRouter(_Model):
    """`Set-ServerComponentState -Component UMCallRouter`."""

    state: ComponentState = Field(alias="State", description="Anything but Active answers every call with 503.")
