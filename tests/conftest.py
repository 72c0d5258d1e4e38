"""What holds for every test: property tests depend neither on the clock nor on chance.

Hypothesis draws the same examples in every run, so a failure is the change's own; `HYPOTHESIS_PROFILE=explore` draws
new ones, ten times as many where a test does not set its own number.
"""

import os
import signal

from hypothesis import HealthCheck, settings

settings.register_profile(
    "repeatable",
    deadline=None,  # a busy machine is no defect
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("explore", parent=settings.get_profile("repeatable"), derandomize=False, max_examples=1000)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in the background so, and the commands that the tests interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

pytest_plugins = ["tests.ending"]
