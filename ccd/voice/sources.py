"""Which trunk an address belongs to: networks by longest prefix, found in a few dictionary look-ups."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

_Key = tuple[int, int, int]


@lru_cache(maxsize=8192)
def _number(host: str) -> tuple[int, int]:
    """(version, value) of an address; an IPv4 address mapped into IPv6 is the IPv4 address."""
    address = ip_address(host.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.version, int(address)


class Sources:
    """Networks and the names (of trunks) behind them."""

    __slots__ = ("_lengths", "_networks", "_resolved")

    def __init__(self) -> None:
        self._networks: dict[_Key, list[str]] = {}
        self._lengths: dict[int, list[int]] = {4: [], 6: []}
        self._resolved: dict[str, tuple[str, ...]] = {}

    @staticmethod
    def is_network(source: str) -> bool:
        """Whether it is an address or a network; else it is a name, to be resolved."""
        try:
            ip_network(source, strict=False)
        except ValueError:
            return False
        return True

    def name(self, source: str, addresses: tuple[str, ...]) -> None:
        """Take the addresses of a source given as a name; when there are none now, the former ones stay."""
        if addresses:
            self._resolved[source] = addresses

    def rebuild(self, sources: Mapping[str, Iterable[str]]) -> None:
        """Take all: for each name its addresses, networks and (resolved) names."""
        networks: dict[_Key, list[str]] = {}
        for owner, wanted in sources.items():
            for source in wanted:
                plain = (source,) if self.is_network(source) else self._resolved.get(source, ())
                for each in plain:
                    network = ip_network(each, strict=False)
                    key = (network.version, network.prefixlen, int(network.network_address))
                    owners = networks.setdefault(key, [])
                    if owner not in owners:
                        owners.append(owner)
        self._networks = networks
        for version in (4, 6):
            lengths = {length for found, length, _ in networks if found == version}
            self._lengths[version] = sorted(lengths, reverse=True)

    def find(self, host: str) -> list[str]:
        """Names of the longest network that holds the address; empty when none does."""
        version, value = _number(host)
        bits = 32 if version == 4 else 128
        for length in self._lengths[version]:
            shift = bits - length
            found = self._networks.get((version, length, value >> shift << shift))
            if found is not None:
                return found
        return []
