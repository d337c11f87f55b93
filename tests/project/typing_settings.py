"""The settings as mypy's Django plugin loads them: it needs no keys, whatever the environment."""

import os

os.environ.setdefault("DEBUG", "1")

from returnsdesk.settings import *  # noqa: F403
