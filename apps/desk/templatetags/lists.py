"""How lists draw their cells, and what the pages of rows show of the list that they were opened
from."""

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
    dots = format_html_join(
        "",
        '<li class="{0}" title="{1}: {2}"><span class="hidden">{1}: {2}</span></li>',
        ((tick.state, tick.label, tick.spoken) for tick in ticks(refund)),
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
    """Draws one of several cases by a single look; a chain of `elif` in each of hundreds of cells
    is what makes lists slow.

    {% switch key %}{% case "status" %}...{% case "total" "paid" %}...{% endswitch %}
    """
    _, subject = token.split_contents()
    parser.parse(("case",))
    cases: dict[str, template.NodeList] = {}
    part = parser.next_token()
    while part.contents != "endswitch":
        names = part.split_contents()[1:]
        drawn = parser.parse(("case", "endswitch"))
        cases |= {name.strip('"'): drawn for name in names}
        part = parser.next_token()
    return _Switch(parser.compile_filter(subject), cases)


class _Cells(template.Node):
    def __init__(
        self, cells: template.base.FilterExpression, columns: template.base.FilterExpression
    ) -> None:
        self.cells, self.columns = cells, columns

    def render(self, context: template.Context) -> SafeString:
        """Draws the cells of the row at hand; the first one names the row."""
        cells = self.cells.resolve(context).nodelist
        parts = []
        with context.push():
            for column, css in self.columns.resolve(context):
                context["key"] = column.key
                parts.append(
                    f'<td class="{css}" data-label="{column.label}">{cells.render(context)}</td>'
                )
        # What the columns are called are the project's own words: there is nothing to escape.
        first = parts[0].removeprefix("<td").removesuffix("</td>")
        return SafeString("".join([f'<th scope="row"{first}</th>', *parts[1:]]))


@register.tag
def cells(parser: template.base.Parser, token: template.base.Token) -> _Cells:
    """Draws the cells of a row by the template `cells` and the pairs of a column and its classes,
    with less ado than a loop with an include has for each of hundreds: `{% cells cells columns %}`.
    """
    _, drawn_by, columns = token.split_contents()
    return _Cells(parser.compile_filter(drawn_by), parser.compile_filter(columns))
