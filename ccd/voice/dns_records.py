"""Questions to DNS servers, by dnspython. Imported only when there is a name to ask for: it is large."""

from collections.abc import Sequence

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver

from ccd.errors import TryLater
from ccd.voice.locating import AGAIN_S, Found, Naptr, Srv

ANSWER_S = 4.0
"""All servers, all tries."""
TRY_S = 1.5


class DnsRecords:
    """Asks DNS servers; raises `TryLater` where none answers."""

    def __init__(self, servers: Sequence[tuple[str, int]]) -> None:
        """`servers`: addresses and ports; none: those of /etc/resolv.conf."""
        self._servers = servers

    async def services(self, name: str) -> tuple[tuple[Srv, ...], float]:
        """SRV records and their time to live in seconds."""
        answer = await self._ask(name, dns.rdatatype.SRV)
        if answer is None or answer.rrset is None:
            return (), AGAIN_S
        records = tuple(
            Srv(each.priority, each.weight, each.port, each.target.to_text(omit_final_dot=True).strip("."))
            for each in answer.rrset
        )
        return records, float(answer.rrset.ttl)

    async def pointers(self, name: str) -> tuple[Naptr, ...]:
        """NAPTR records."""
        answer = await self._ask(name, dns.rdatatype.NAPTR)
        return tuple(
            Naptr(
                each.order,
                each.preference,
                each.flags.decode("ascii", "replace"),
                each.service.decode("ascii", "replace"),
                each.replacement.to_text(omit_final_dot=True).strip("."),
            )
            for each in (answer.rrset if answer is not None and answer.rrset is not None else ())
        )

    async def addresses(self, host: str, family: int) -> Found:
        """A (`family` 4) or AAAA (6)."""
        answer = await self._ask(host, dns.rdatatype.A if family == 4 else dns.rdatatype.AAAA)
        if answer is None or answer.rrset is None:
            return Found((), AGAIN_S)
        return Found(tuple(str(each.address) for each in answer.rrset), float(answer.rrset.ttl))

    async def _ask(self, name: str, kind: dns.rdatatype.RdataType) -> dns.resolver.Answer | None:
        """None: there is no such name."""
        try:
            full = dns.name.from_text(name.rstrip(".") + ".")
            return await self._resolver().resolve(full, kind, raise_on_no_answer=False, search=False)
        except dns.resolver.NXDOMAIN:
            return None
        except (dns.exception.DNSException, OSError, UnicodeError) as fault:
            raise TryLater("dns", f"the DNS does not answer for {name}: {_in_short(fault)}") from None

    def _resolver(self) -> dns.asyncresolver.Resolver:
        """A fresh one for each question: /etc/resolv.conf may have changed (DHCP, VPN)."""
        resolver = dns.asyncresolver.Resolver(configure=not self._servers)
        if self._servers:
            resolver.nameservers = [dns.nameserver.Do53Nameserver(*each) for each in self._servers]
        resolver.timeout, resolver.lifetime = TRY_S, ANSWER_S
        return resolver


def _in_short(fault: BaseException) -> str:
    if isinstance(fault, dns.exception.Timeout):
        return "no answer in time"
    return (str(fault) or type(fault).__name__).splitlines()[0][:160]
