"""RateLimit: a token bucket for each key or address.

    limit = RateLimit(per_minute=60, burst=20)
    seconds = limit.take("203.0.113.7")     # 0: go on; else the seconds until one more is let through

A bucket fills by `per_minute` and holds `burst`. It lives in this process: several replicas let through as often as there are of them.
"""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

MAX_BUCKETS = 50_000
"""Buckets kept at most, some 10 MB: whoever changes addresses all the time costs no more than that."""


class RateLimit:
    """Belongs to one event loop and takes no locks. `clock` gives seconds."""

    def __init__(self, per_minute: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        assert per_minute > 0
        assert burst >= 1
        self.rate, self.burst, self._clock = per_minute / 60, burst, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Name -> (tokens, when they were counted), the longest untouched first."""

    def take(self, name: str) -> int:
        """Takes one token of `name`'s; returns 0, or the whole seconds (at least 1) until there is one."""
        now = self._clock()
        tokens, then = self._buckets.pop(name, (float(self.burst), now))
        tokens = min(float(self.burst), tokens + (now - then) * self.rate)
        allowed = tokens >= 1
        self._buckets[name] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)
        return 0 if allowed else max(1, math.ceil((1 - tokens) / self.rate))


def network_of(address: str | None) -> str:
    """What one sender has: an IPv4 address, or the /64 that an IPv6 host picks its addresses from."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return address or "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.IPv6Network((ip, 64), strict=False))
    return str(ip)
