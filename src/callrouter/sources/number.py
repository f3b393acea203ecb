"""Numbers and SIP addresses as the dial plans write them, and whether each fits the URI type of its dial plan.

EXCHANGE-UM A3 rule 6, B 2.3 to 2.5. What would not fit a call could never be reached by one.
"""

import re
from collections.abc import Iterator

from callrouter.directory.model import UMDialPlan, UMMailbox, UriType
from callrouter.sources.problem import KeyPath

_SEPARATORS = {ord(character): None for character in "-.() "}
"""RFC 3966 visual separators, and the space that people write between them."""

_NUMBER = re.compile(r"\+?[0-9]+", re.ASCII)
_DIGITS = re.compile(r"[0-9]+", re.ASCII)
# ITU-T E.164 6.2.1: at most 15 digits.
_E164 = re.compile(r"\+[0-9]{1,15}", re.ASCII)
_SIP_NAME = re.compile(r"[^\s@:;<>\"]+", re.ASCII)
_SIP_ADDRESS = re.compile(r"[^\s@:;<>\"]+@(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])", re.ASCII | re.IGNORECASE)


def parse_number(text: str) -> str:
    """Take the visual separators out of a number, as they are taken out of the numbers of calls; keep anything else."""
    plain = text.translate(_SEPARATORS)
    return plain if _NUMBER.fullmatch(plain) else text


def parse_e164(text: str) -> str:
    """Check a number in E.164 form and return it without visual separators.

    Raises:
        ValueError: it is none.
    """
    number = parse_number(text)
    if not _E164.fullmatch(number):
        raise ValueError(f"{text!r} is not an E.164 number (a plus and at most 15 digits, as +14255550100)")
    return number


def parse_sip_resource(text: str) -> str:
    """Check the address of a user, user@domain or an E.164 number.

    Raises:
        ValueError: it is neither.
    """
    if _SIP_ADDRESS.fullmatch(text) or _E164.fullmatch(text):
        return text
    hint = "; leave out the scheme" if ":" in text.partition("@")[0] else ""
    raise ValueError(f"{text!r} is neither of the form user@domain nor an E.164 number{hint}")


def explain_pilot_misfit(uri_type: UriType, number: str) -> str:
    """Say why no call of a dial plan can reach this pilot; "" where one can."""
    if uri_type is UriType.TELEXTN:
        return "" if _NUMBER.fullmatch(number) else f"{number!r} is not a number, as a TelExtn dial plan needs"
    if uri_type is UriType.E164:
        return "" if _E164.fullmatch(number) else f"{number!r} is not a plus with digits, as an E164 dial plan needs"
    if _SIP_NAME.fullmatch(number) or _SIP_ADDRESS.fullmatch(number):
        return ""
    return f"{number!r} is neither a name nor of the form user@domain, as a SipName dial plan needs"


def find_user_misfits(plan: UMDialPlan, user: UMMailbox) -> Iterator[tuple[KeyPath, str]]:
    """What is wrong with the numbers of a user of this dial plan: the key within the user, and what is wrong there."""
    digits = plan.number_of_digits_in_extension
    is_e164 = plan.uri_type is UriType.E164
    for place, number in enumerate(user.extensions):
        has_digits = len(number) == digits and _DIGITS.fullmatch(number)
        if not has_digits and not (is_e164 and _E164.fullmatch(number)):
            wanted = f"{digits} digits, as the dial plan {plan.name!r} needs"
            yield ("extensions", place), f"{number!r} has not {wanted}" + (", nor is it an E.164 number" * is_e164)
    if plan.uri_type is UriType.TELEXTN:
        if not user.extensions:
            yield ("extensions",), f"a user of the TelExtn dial plan {plan.name!r} needs an extension"
    elif is_e164:
        yield from _find_e164_misfits(plan, user)
    elif not _SIP_ADDRESS.fullmatch(user.sip_resource_identifier):
        message = f"a user of the SipName dial plan {plan.name!r} needs an address of the form user@domain"
        yield ("sip_resource_identifier",), message


def _find_e164_misfits(plan: UMDialPlan, user: UMMailbox) -> Iterator[tuple[KeyPath, str]]:
    # As in the product, the extension may be short where the SIP resource identifier is the whole number (B 2.5).
    address = user.sip_resource_identifier
    is_whole = _E164.fullmatch(address) if address else any(map(_E164.fullmatch, user.extensions))
    if not is_whole:
        message = f"a user of the E164 dial plan {plan.name!r} needs a number of the form +digits"
        yield ("sip_resource_identifier",), message
