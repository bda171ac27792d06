"""Who sent an interaction, so that one sender's many clicks can be told from many people's."""

import hmac
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv6Address, ip_address, ip_network

PSEUDONYM_CHARACTERS = 16  # 64 bits: no two senders of a day share one
HOME_PREFIX = 64  # of an IPv6 address: the rest a device chooses as it likes


@dataclass(frozen=True, slots=True)
class Sender:
    """source: the address that called the API; nobody can forge it. viewer: the one before it, as
    X-Forwarded-For says: the reader's own behind CloudFront, whatever a direct caller claims.
    """

    source: str
    viewer: str

    @classmethod
    def of(cls, source: str, forwarded_for: str) -> "Sender":
        """forwarded_for: the header, whose last address is the caller's."""
        hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
        before = [hop for hop in hops[-2:] if hop != source]
        return cls(source, before[-1] if before else source)


def pseudonym(address: str, day: datetime, key: bytes) -> str:
    """The same all day for one address, another the next day; nothing without the key."""
    message = f"sender|{day:%Y-%m-%d}|{_network(address)}"
    digest = hmac.digest(key, message.encode(errors="replace"), "sha256")
    return digest.hex()[:PSEUDONYM_CHARACTERS]


def _network(address: str) -> str:
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        return str(ip_network((found, HOME_PREFIX), strict=False))
    return str(found)
