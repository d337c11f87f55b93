"""The difference between two JSON documents: whole, exact, and by identifier."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.desk.reads.differences import (
    ABSENT,
    Difference,
    Named,
    Place,
    Sequenced,
    differences,
    value_text,
)


def put(target: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Puts one difference onto a document."""
    if not path:
        return deepcopy(value)
    step, rest = path[0], path[1:]
    if isinstance(step, Sequenced):
        return sorted(target, key=lambda element: value.index(element[step.name]))
    if isinstance(step, str):
        below = put(target.get(step), rest, value) if rest else value
        kept = {key: kept for key, kept in target.items() if key != step}
        return kept if below is ABSENT else {**target, step: deepcopy(below)}
    if isinstance(step, Place):
        at = step.index
    else:
        names = [element[step.name] for element in target]
        at = names.index(step.value) if step.value in names else len(names)
    if rest:
        return [*target[:at], put(target[at], rest, value), *target[at + 1 :]]
    added = [] if value is ABSENT else [deepcopy(value)]
    return [*target[:at], *added, *target[at + 1 :]]


def applied(document: Any, found: list[Difference]) -> Any:
    for one in found:
        document = put(document, one.path, one.after)
    return document


def named_lists(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Lists of objects that can be told apart, as items and refunds of an order."""
    element = st.fixed_dictionaries(
        {"identifier": st.sampled_from("1234567")},
        optional={"quantity": st.integers(0, 3), "rest": children},
    )
    return st.lists(element, max_size=5, unique_by=lambda one: one["identifier"])


SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "a", "b"])
DOCUMENTS = st.recursive(
    SCALARS,
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "b", "identifier", "items"]), children, max_size=4)
        | named_lists(children)
    ),
    max_leaves=20,
)


@given(DOCUMENTS, DOCUMENTS)
def test_put_onto_the_old_they_make_the_new(before: Any, after: Any) -> None:
    kept = deepcopy(before)
    assert repr(sorted_keys(applied(before, differences(before, after)))) == repr(
        sorted_keys(after)
    )
    assert before == kept


@given(DOCUMENTS)
def test_equal_documents_have_none(document: Any) -> None:
    assert differences(document, deepcopy(document)) == []


@given(DOCUMENTS, DOCUMENTS)
def test_different_documents_have_some(before: Any, after: Any) -> None:
    is_same = repr(sorted_keys(before)) == repr(sorted_keys(after))
    assert (differences(before, after) == []) is is_same


def sorted_keys(value: Any) -> Any:
    """A document with its keys in order: JSON objects have none."""
    if isinstance(value, dict):
        return {key: sorted_keys(value[key]) for key in sorted(value)}
    return [sorted_keys(element) for element in value] if isinstance(value, list) else value


def test_elements_are_matched_by_identifier_and_not_by_place() -> None:
    seven, eight = {"identifier": "7", "quantity": 1}, {"identifier": "8", "quantity": 1}
    before = {"items": [seven, eight]}
    after = {"items": [{"identifier": "9"}, eight, {**seven, "quantity": 2}]}
    found = differences(before, after)
    assert [(one.where, one.before, one.after) for one in found] == [
        ("items[7].quantity", 1, 2),
        ("items[9]", ABSENT, {"identifier": "9"}),
        ("items (order)", ["7", "8"], ["9", "8", "7"]),
    ]
    assert found[0].path == ("items", Named("identifier", "7"), "quantity")


@pytest.mark.parametrize(
    ("before", "after", "where"),
    [
        ({"a": None}, {}, ["a"]),
        ({"a": 1}, {"a": True}, ["a"]),
        ({"a": 1}, {"a": "1"}, ["a"]),
        ({"tags": ["x", "y"]}, {"tags": ["y"]}, ["tags"]),
        ([{"x": 1}, {"x": 2}], [{"x": 1}], ["[#2]"]),
        # A name that two elements share tells nothing apart.
        (
            [{"identifier": "1", "x": 1}, {"identifier": "1", "x": 2}],
            [{"identifier": "1", "x": 1}, {"identifier": "1", "x": 3}],
            ["[#2].x"],
        ),
        ({"a": 1}, [1], ["(all of it)"]),
    ],
)
def test_small_things(before: Any, after: Any, where: list[str]) -> None:
    assert [one.where for one in differences(before, after)] == where


def test_values_are_shown_short() -> None:
    assert value_text(ABSENT) == "—"
    assert value_text(None) == "null"
    assert value_text({"a": "é"}) == '{"a": "é"}'
    assert value_text("x" * 1000) == "x" * 300 + "…"
