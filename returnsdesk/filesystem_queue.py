"""Celery's filesystem queue for running embedded, without its half-written messages.

kombu's own channel writes a message under its final name, and a worker that looks at that moment
reads half of it and dies (celery/kombu issue 1551). Here a message gets its final name when it is
whole. Nothing is ever lost by it either way: the queues that count are rows in the database.
"""

import os
import uuid
from pathlib import Path
from time import monotonic
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    """Writes each message aside, then gives it its name in one step."""

    def _put(self, queue: Any, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]
        folder = Path(self.data_folder_out)
        stem = f"{round(monotonic() * 1000)}_{uuid.uuid4()}"
        aside = folder / f"{stem}.writing"
        try:
            aside.write_text(dumps(payload), encoding="utf-8")  # type: ignore[no-untyped-call]
            os.replace(aside, folder / f"{stem}.{queue}.msg")
        except OSError as error:
            raise ChannelError(f"Cannot add a message to {folder}") from error


class Transport(filesystem.Transport):
    """The filesystem transport with that channel."""

    Channel = Channel


def install() -> None:
    """Makes `filesystem://` mean this transport."""
    TRANSPORT_ALIASES["filesystem"] = f"{__name__}:Transport"
