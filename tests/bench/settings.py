"""The desk's settings as in production, with static files in a folder of the run."""

import os

from returnsdesk.settings import *  # noqa: F403

STATIC_ROOT = os.environ["BENCH_STATIC_ROOT"]
