"""Ten thousand subscribers on one daemon."""
import resource

import pytest

from crowd import Crowd
from harness import wait_until

SUBSCRIBERS = 10000
STARS = 20


def test_ten_thousand_connected_followers_each_see_a_share_once(start_feedd):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < SUBSCRIBERS + 200:
        pytest.skip(f"{hard} file descriptors are too few for {SUBSCRIBERS} connections")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    daemon = start_feedd("--limits-max-connections", str(SUBSCRIBERS + 100))
    readers = [f"reader{number}" for number in range(SUBSCRIBERS)]
    with daemon.connect(timeout=60) as client:
        for first in range(0, SUBSCRIBERS, 1000):
            client.follow_many([(reader, f"star{int(reader[6:]) % STARS}") for reader in readers[first:first + 1000]])
        with Crowd(daemon.address, readers) as crowd:
            wait_until(crowd.all_caught_up, timeout=60, what="all subscribers to be live")
            shares = {f"star{number}": client.share(f"star{number}").id for number in range(STARS)}
            wait_until(lambda: crowd.check() or crowd.events >= SUBSCRIBERS, timeout=60, what="all deliveries")
            for member in crowd.members:
                star = f"star{int(member.reader[6:]) % STARS}"
                assert member.seen == [(shares[star], star)]
    assert daemon.stop()["deliveries"] == SUBSCRIBERS
