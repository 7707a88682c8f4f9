"""DNS servers as the configuration writes them: `192.0.2.53`, `192.0.2.53:5353`, `[2001:db8::53]:53`."""

from ipaddress import ip_address

DNS_PORT = 53


def resolver_of(text: str) -> tuple[str, int]:
    """Address and port of a DNS server. ValueError where it is no address, or the port is none."""
    host, port = text, str(DNS_PORT)
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        if rest:
            port = rest.removeprefix(":") if rest.startswith(":") else ""
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if not (port.isascii() and port.isdecimal() and 0 < int(port) < 65_536):
        raise ValueError(f"{text}: the port is no number from 1 to 65535")
    return str(ip_address(host)), int(port)
