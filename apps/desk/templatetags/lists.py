"""How lists draw their cells, and what the pages of rows show of the list that they were opened
from."""

from functools import lru_cache
from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.desk.addresses import page_url
from apps.desk.lists.neighbors import neighbors_of
from apps.desk.progress import ticks
from apps.refunds.models import Refund

register = template.Library()
register.simple_tag(page_url)


@register.inclusion_tag("desk/parts/neighbors.html", takes_context=True)
def neighbors(context: dict[str, Any], name: str, row: Any) -> dict[str, Any]:
    """Writes the links to the rows before and after, and back to the list `name`; nothing where the
    page was not opened from it."""
    return {"neighbors": neighbors_of(context["request"], name, row)}


@register.simple_tag
def tick_dots(refund: Refund) -> SafeString:
    """Writes the four ticks of a refund as dots with their words."""
    return _dots(tuple((tick.state, tick.label, tick.spoken) for tick in ticks(refund)))


@lru_cache(maxsize=500)
def _dots(said: tuple[tuple[str, str, str], ...]) -> SafeString:
    """Few refunds of a list differ in what is said of them."""
    dots = format_html_join(
        "", '<li class="{0}" title="{1}: {2}"><span class="hidden">{1}: {2}</span></li>', said
    )
    return format_html('<ol class="dots">{}</ol>', dots)


class _Switch(template.Node):
    child_nodelists = ()

    def __init__(
        self, subject: template.base.FilterExpression, cases: dict[str, template.NodeList]
    ) -> None:
        self.subject, self.cases = subject, cases

    def render(self, context: template.Context) -> SafeString:
        """Draws the case of the subject's value, nothing where there is none."""
        found = self.cases.get(self.subject.resolve(context))
        return found.render(context) if found is not None else SafeString("")


@register.tag
def switch(parser: template.base.Parser, token: template.base.Token) -> _Switch:
    """Draws one of several cases by a single look; a chain of `elif` in each of many rows is what
    makes lists slow.

    {% switch key %}{% case "status" %}...{% case "total" "paid" %}...{% endswitch %}
    """
    _, subject = token.split_contents()
    return _Switch(parser.compile_filter(subject), _cases(parser, "endswitch"))


def _cases(parser: template.base.Parser, end: str) -> dict[str, template.NodeList]:
    """What stands behind each `case`, by the names in it, until the tag `end`."""
    parser.parse(("case",))
    cases: dict[str, template.NodeList] = {}
    part = parser.next_token()
    while part.contents != end:
        names = part.split_contents()[1:]
        drawn = parser.parse(("case", end))
        cases |= {name.strip('"'): drawn for name in names}
        part = parser.next_token()
    return cases


class _Cells(template.Node):
    child_nodelists = ()

    def __init__(self, cases: dict[str, template.NodeList]) -> None:
        self.cases = cases

    def render(self, context: template.Context) -> SafeString:
        """Draws the cell `key` without its tag where the context has one, else all that the list
        shows; the first one names the row."""
        if "key" in context:
            return self._content(str(context["key"]), context)
        parts = [
            f'<td class="{css}" data-label="{column.label}">'
            f"{self._content(column.key, context)}</td>"
            for column, css in context["look"].shown
        ]
        # What the columns are called are the project's own words: there is nothing to escape.
        first = parts[0].removeprefix("<td").removesuffix("</td>")
        return SafeString("".join([f'<th scope="row"{first}</th>', *parts[1:]]))

    def _content(self, key: str, context: template.Context) -> SafeString:
        found = self.cases.get(key)
        return found.render(context) if found is not None else SafeString("")


@register.tag
def cells(parser: template.base.Parser, token: template.base.Token) -> _Cells:
    """Draws the cells of a row by one look, with less ado than a template for each of hundreds.

    {% cells %}{% case "status" %}...{% case "total" "paid" %}...{% endcells %}
    """
    return _Cells(_cases(parser, "endcells"))
