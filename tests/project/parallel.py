"""For pytest-xdist (`-p tests.project.parallel`): reports as text that another process can read.

Some tests log half a surrogate pair on purpose; xdist stops the whole run when it meets one.
"""

import pytest


def sendable(text):
    """Returns `text` with what cannot be written as UTF-8 spelled out."""
    return text.encode("utf-8", "backslashreplace").decode()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    report = yield
    report.sections = [(sendable(name), sendable(text)) for name, text in report.sections]
    if report.longrepr is not None and not isinstance(report.longrepr, tuple):
        try:
            str(report.longrepr).encode()
        except UnicodeEncodeError:
            report.longrepr = sendable(str(report.longrepr))
    return report
