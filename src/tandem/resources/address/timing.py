"""How long things take, each with its formula. `docs/design/address.md` has the measurements."""

from typing import Final

LIFETIME_S: Final = 1
"""What the kernel is told each time: the shortest that it knows."""

REFRESH_US: Final = 100_000
"""Between two refreshes: nine may be late or lost before a healthy holder loses the address."""

LATEST_EXPIRY_US: Final = 1_350_000
"""When, after the last refresh, the address is gone, if no other is added on this node meanwhile.

It is the sum of

- the lifetime of 1 s;
- up to 0.25 s: the kernel rounds the check up to a whole second of its own if that is no more than
  a quarter away (ADDRCONF_TIMER_FUZZ, net/ipv4/devinet.c and net/ipv6/addrconf.c);
- up to 0.08 s: the step of the kernel's timer wheel at that distance (8 or 64 jiffies: 80 ms with
  HZ=100, 32 ms with HZ=250, 64 ms with HZ=1000);
- 0.02 s for the kernel's worker to run, and to get the lock that all changes of the network share.

Measured: 1.28 s at most in 100 trials. No refresh is sent when less than this is left of what
entitles the node to the address.

It is no bound for all cases. An address that anybody adds on this node in that second makes the
kernel check at once, and not again for a second: 1.50 to 1.56 s measured, 2.1 s at most by its
source. And nothing bounds how long somebody else holds the lock.
"""

PROBES: Final = 3
PROBE_GAP_US: Final = 5_000
PROBE_US: Final = 20_000
"""How long the network is asked who has an address before it is taken: three questions, 5 ms
apart, and 10 ms for the last answer. Meanwhile no node has it. A host of the same network answers
within a millisecond. RFC 5227 waits up to 7 s, for hosts that boot all at once. Who answers later
is heard while it is held.
"""

ANNOUNCE_AFTER_US: Final = (0, 50_000, 200_000, 500_000)
"""When the arrival of an address is told: more than once, since frames are lost, and a switch that
is just learning may not pass on the first."""

ANNOUNCE_EACH_US: Final = 1_000_000
"""Thereafter. Without it, hosts of a network that was divided and is whole again may go on sending
to whoever lost the address, for 25 s and more."""

DEFEND_GAP_US: Final = 100_000
"""Between two announcements at the least, however often another host claims the address."""

TROUBLE_US: Final = 10_000_000
"""For how long health tells of a conflict (DEFEND_INTERVAL of RFC 5227)."""
