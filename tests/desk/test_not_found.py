"""An address that there is not, with and without DEBUG."""

import re
from typing import Any

from django.test import Client

PAGE = "apps.common.middleware.NotFoundPageMiddleware"


def shown() -> str:
    """What the page tells, without the number of its request; Django's own has no main part."""
    answer = Client().get("/no-such-page")
    assert answer.status_code == 404
    page = answer.content.decode()
    found = re.search("<main.*</main>", page, re.DOTALL)
    return re.sub("<code>.*?</code>", "", found[0] if found else page)


def test_it_looks_the_same_in_the_demo(settings: Any) -> None:
    """Whoever tries the demo mistypes an address, too."""
    page = shown()
    assert "There is no such page" in page
    settings.DEBUG = True
    assert "URLconf" in shown()
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, PAGE]
    assert shown() == page
