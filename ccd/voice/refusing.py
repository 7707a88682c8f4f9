"""How a refusal tells its reason in words (RFC 3261 §20.43)."""

from ccd.errors import CcdError
from ccd.sip.network import OtherNetwork


def warning(fault: CcdError) -> tuple[str, str]:
    """The Warning header of a fault: 301 where the far end's address is of another network, else 399."""
    code = 301 if isinstance(fault, OtherNetwork) else 399
    return "Warning", f'{code} ccd "{_plain(str(fault))}"'


def _plain(text: str) -> str:
    return text.replace("\\", "").replace('"', "'").replace("\r", " ").replace("\n", " ")[:120]
