"""The company whose calls the bench places: a directory of any number of users, all of whom one gateway serves.

Other than in `bench.directory`, every user can be called from loopback: the gateway of the calls leads to one dial plan
by a hunt group with the number that is called, and all users are in that plan. Around it stands what such a company
has: Mailbox servers, databases with copies, other dial plans with gateways and hunt groups of their own.
"""

from collections.abc import Iterator
from pathlib import Path

from bench.invite import EXTENSION_DIGITS, PILOT
from callrouter.certificates.authority import CLIENT_NAME

_SERVERS = 8
_OTHER_PLANS = 20
_GATEWAYS_PER_PLAN = 4

_GATEWAYS = {"TCP": "127.0.0.0/8", "TLS": CLIENT_NAME}
_SECURITY = {"TCP": "Unsecured", "TLS": "SIPSecured"}


def write_site(file: Path, transport: str, users: int) -> None:
    """Write the directory of a company whose gateway calls over this transport."""
    file.write_text("\n".join(_list_entries(transport, users)), encoding="utf-8")


def _list_entries(transport: str, users: int) -> Iterator[str]:
    for index in range(_SERVERS):
        yield f'[[servers]]\nname = "mbx{index}"\nfqdn = "mbx{index}.example.test"\n'
        yield f'[[databases]]\nname = "db{index}"\nactive = "mbx{index}"\npassive = ["mbx{(index + 1) % _SERVERS}"]\n'
    yield _list_plan("callers", _SECURITY[transport])
    yield f'[[gateways]]\nname = "caller"\naddress = "{_GATEWAYS[transport]}"\n'
    yield _list_hunt_group("of the callers", "callers", "caller")
    for plan in range(_OTHER_PLANS):
        yield _list_plan(f"plan-{plan}", "Unsecured")
        for index in range(_GATEWAYS_PER_PLAN):
            gateway = f"gw-{plan}-{index}"
            yield f'[[gateways]]\nname = "{gateway}"\naddress = "10.0.{plan}.{index + 1}"\n'
            yield _list_hunt_group(f"of {gateway}", f"plan-{plan}", gateway)
    for index in range(users):
        yield (
            f'[[users]]\nname = "user-{index}"\num_dial_plan = "callers"\n'
            f'extensions = ["{index:0{EXTENSION_DIGITS}}"]\ndatabase = "db{index % _SERVERS}"\n'
        )


def _list_plan(name: str, security: str) -> str:
    return (
        f'[[dial_plans]]\nname = "{name}"\nvoip_security = "{security}"\n'
        f"number_of_digits_in_extension = {EXTENSION_DIGITS}\n"
    )


def _list_hunt_group(name: str, plan: str, gateway: str) -> str:
    return (
        f'[[hunt_groups]]\nname = "{name}"\num_dial_plan = "{plan}"\n'
        f'um_ip_gateway = "{gateway}"\npilot_identifier = "{PILOT}"\n'
    )
