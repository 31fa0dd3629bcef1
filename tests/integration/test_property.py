"""Sequences of random operations: everything that feedd answers, shows and streams is what the model says. A sequence that is not
is made as short as it can be before it is reported. `./dev property` plays many of them."""
import itertools

import hypothesis
import pytest
from hypothesis.stateful import run_state_machine_as_test

from feed_machine import FLAGS, FeedMachine

OPERATIONS = 100


@pytest.fixture(params=["1", "4"], ids=["1-part", "4-part"])
def machine(request, start_feedd, redis):
    """Makes machines, all of them on two daemons and one store."""
    flags = ("--redis-url", redis.url, "--store-partitions", request.param, *FLAGS)
    with start_feedd(*flags, state="a").connect() as client, start_feedd(*flags, state="b").connect() as other:
        played = itertools.count(1)

        def begin():
            if (number := next(played)) % 100 == 0:
                print(f"{number} sequences with --store-partitions {request.param}", flush=True)
            return FeedMachine(client, other, redis.client())

        yield begin


@pytest.mark.timeout(0)
def test_whatever_is_done_in_whatever_order_everything_is_as_the_model_says(request, machine):
    settings = hypothesis.settings(
        max_examples=request.config.getoption("--sequences"), stateful_step_count=OPERATIONS, deadline=None, database=None,
        suppress_health_check=list(hypothesis.HealthCheck), print_blob=False)
    run_state_machine_as_test(machine, settings=settings)
