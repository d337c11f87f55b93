"""What the pages of rows show of the list that they were opened from."""

from typing import Any

from django import template

from apps.desk.lists.neighbors import neighbors_of

register = template.Library()


@register.inclusion_tag("desk/parts/neighbors.html", takes_context=True)
def neighbors(context: dict[str, Any], name: str, row: Any) -> dict[str, Any]:
    """Writes the links to the rows before and after, and back to the list `name`; nothing where the
    page was not opened from it."""
    return {"neighbors": neighbors_of(context["request"], name, row)}
