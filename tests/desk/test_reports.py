"""Reports on screen: who may, filters, totals, and the rows page by page."""

import re
from html import unescape

import pytest

from tests.support import builders
from tests.support.refunds import utc

pytestmark = pytest.mark.django_db


def text_of(answer) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def test_the_refund_report_shows_a_row_for_each_unit(finance, refunded):
    units = [builders.unit(cents=13056), builders.unit(cents=10000)]
    refund = refunded(units=units, paid=utc(2026, 2, 3, 12))
    page = finance.get("/reports/refunds/?since=2026-02-03&until=2026-02-03")
    assert page.status_code == 200
    text = text_of(page)
    assert text.count(refund.identifier) == 2
    assert "2 rows" in text
    assert "$230.56" in text
    assert "Totals in USD" in text
    empty = text_of(finance.get("/reports/refunds/?since=2026-02-04&until=2026-02-04"))
    assert "No rows for these filters" in empty
    assert refund.identifier not in empty
