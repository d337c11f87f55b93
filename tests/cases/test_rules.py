"""How notes name people."""

import pytest

from apps.cases.rules import NotePart, names_mentioned, parts_of_note


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("ask @bo", ["bo"]),
        ("@Bo, @bo and @cy.", ["bo", "cy"]),
        ("(@bo) @cy: @d-e_f", ["bo", "cy", "d-e_f"]),
        ("mail bo@example.com", []),
        ("@bo@example.com knows", ["bo@example.com"]),
        ("@ alone, @@bo, and @.", []),
    ],
)
def test_who_is_named(text: str, names: list[str]) -> None:
    assert names_mentioned(text) == names


def test_a_note_falls_into_pieces_that_add_up() -> None:
    text = "Ask @Bo.\nNot @nobody, not bo@example.com; @cy"
    parts = parts_of_note(text, ["bo", "cy", "example.com"])
    assert parts == [
        NotePart("Ask ", is_person=False),
        NotePart("@Bo", is_person=True),
        NotePart(".\nNot @nobody, not bo@example.com; ", is_person=False),
        NotePart("@cy", is_person=True),
    ]
    assert "".join(part.text for part in parts) == text


def test_an_empty_note_has_no_pieces() -> None:
    assert parts_of_note("", ["bo"]) == []
