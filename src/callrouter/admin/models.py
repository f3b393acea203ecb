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
    """Active, Draining or Inactive, as the directory says. Of one that is Active and probed: Down where no probed port
    takes calls, Unknown where no probe has told anything yet."""
    usable: bool
    """Whether calls may be sent there now, over one transport at least."""
    detail: Text = ""
    """What keeps calls from it, by transport: "TLS: connection refused"."""


class PoolStatus(_Model):
    """The servers that calls are redirected to."""

    servers: tuple[PoolServer, ...] = ()


class EmulatedServer(_Model):
    """An emulated Mailbox server of this process."""

    name: Text
    listeners: tuple[Listener, ...]
    calls: int
    """How many go on."""


class Readiness(_Model):
    """Whether calls can be taken, and all that this hangs on."""

    ready: bool
    listeners: tuple[Listener, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    directory: DirectoryStatus
    pool: PoolStatus = PoolStatus()
    mailbox: tuple[EmulatedServer, ...] = ()
    """The emulated Mailbox servers of this process, if it has the role."""
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


class WorkerStatus(_Model):
    """The UM worker process of an emulated Mailbox server."""

    server: Text
    worker: Annotated[int, Field(ge=0, description="1 for the first, one more with each recycle.")]
    ports: Annotated[dict[str, int], Field(description="Where it listens, by transport.")]
    calls: Annotated[int, Field(ge=0, description="Calls of the server that go on.")]
    draining_calls: Annotated[int, Field(ge=0, description="Those of them that earlier workers still have.")]
    max_calls_allowed: int


class WorkerList(_Model):
    """All emulated servers of this process."""

    workers: tuple[WorkerStatus, ...]


PhoneCallState: TypeAlias = Literal["Connecting", "Alerted", "Connected", "Disconnected"]


class Outcall(_Model):
    """A call that an emulated worker has placed (Play on Phone)."""

    call_id: Text
    server: Text
    number: Text
    gateway: Text
    uri: Annotated[Text, Field(description="The Request-URI of the INVITE.")]
    state: PhoneCallState
    status: Annotated[int, Field(description="The final status code; 0 where none has come.")]
    detail: Annotated[Text, Field(description="How it ended, once it has.")]


class OutcallList(_Model):
    """The calls that an emulated server's workers have placed, the newest first."""

    calls: tuple[Outcall, ...]


class PinResets(_Model):
    """What is remembered of a user's PIN: that it was reset."""

    user: Text
    resets: Annotated[int, Field(ge=0)]
    last_reset_at: datetime | None = None
