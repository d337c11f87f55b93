"""The reports by name. What is registered has a page, files and a line on the index by that."""

from apps.reports.types import Report

GROUPS = ("Money", "Books", "Returns", "People")

_reports: dict[str, Report] = {}


def register(report: Report) -> Report:
    """Adds a report; raises ValueError where the name is taken or the group unknown."""
    if report.name in _reports or report.name in ("exports", "schedules"):
        raise ValueError(f"a report {report.name!r} is there already")
    if report.group not in GROUPS:
        raise ValueError(f"{report.name}: group {report.group!r} is none of {', '.join(GROUPS)}")
    _reports[report.name] = report
    return report


def report_named(name: str) -> Report | None:
    """Returns the report of that name, or None."""
    return _reports.get(name)


def all_reports() -> list[Report]:
    """Returns the reports, by group and in the order in which they were registered."""
    return sorted(_reports.values(), key=lambda report: GROUPS.index(report.group))
