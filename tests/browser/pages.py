"""Where there is something to look at."""

from collections.abc import Iterator

from django.test import Client
from django.urls import reverse

from apps.reports.registry import all_reports
from tests.desk.conftest import World
from tests.desk.test_pages import addresses
from tests.desk.test_permissions import TABLE


def every_page(world: World, client: Client) -> Iterator[str]:
    """Yields the address of every page that `client` may see: no new one is forgotten, because the
    table of permissions names all of them."""
    seen = set()
    reports = [reverse("desk:report", args=[report.name]) for report in all_reports()]
    for url in [*addresses(world), *reports]:
        seen.add(url)
        yield url
    for name, rows in TABLE.items():
        for row in rows:
            if row.method != "get" or row.expected != 200:
                continue
            url = reverse(f"desk:{name}", args=row.args(world))
            if url not in seen and client.get(url)["Content-Type"].startswith("text/html"):
                seen.add(url)
                yield url
