"""Hypothesis strategies: any JSON, and good messages with something wrong in them."""

import copy
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from apps.common.errors import InvalidMessage

TEXTS = st.text(max_size=20) | st.sampled_from(
    [
        *("", " ", "0", "-1", "null", "CREATED", "REFUND", "EVEN_EXCHANGE", "USD", "Shipped"),
        *("2026-01-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-W01-1"),
        *("24:00", "\x00", "x" * 300, "\ud83d\ude00"),
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-5, 5)
    | st.just(10**400)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
ANY_JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def places(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in the content, as the path to it."""
    found = [path]
    if isinstance(content, dict):
        for name in content:
            found += places(content[name], (*path, name))
    elif isinstance(content, list):
        for index in range(len(content)):
            found += places(content[index], (*path, index))
    return found


@st.composite
def mutations(draw: st.DrawFn, good: Any) -> Any:
    """The good message with one to four of its values replaced, left out or repeated."""
    holder = [copy.deepcopy(good)]
    for _ in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from(places(holder, ())[1:]))
        parent = holder
        for step in path[:-1]:
            parent = parent[step]
        match draw(st.sampled_from(["replace", "remove", "repeat"])):
            case "remove" if len(path) > 1:
                del parent[path[-1]]
            case "repeat" if isinstance(parent, list):
                parent.append(copy.deepcopy(parent[path[-1]]))
            case _:
                parent[path[-1]] = draw(ANY_JSON)
    return holder[0]


def outcome(read: Callable[[Any], Any], content: Any) -> Any:
    """What is read, or None where it is refused, which must be with errors that can be shown."""
    try:
        return read(content)
    except InvalidMessage as error:
        refusal = error
    assert refusal.errors
    assert str(refusal)
    for wrong in refusal.errors:
        assert wrong.code in ("missing_field", "invalid_type", "invalid")
        assert wrong.message
    return None
