"""How notes name people. Pure."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

_MENTION = re.compile(r"(?<![\w@.])@([\w.+-]+(?:@[\w-]+(?:\.[\w-]+)+)?)")
_PUNCTUATION = ".-+"


@dataclass(frozen=True)
class NotePart:
    """A piece of a note's text; `is_person` tells that it is the @name of somebody."""

    text: str
    is_person: bool


def names_mentioned(text: str) -> list[str]:
    """Returns the user names that a note names with @, each once, in order, in small letters.
    Punctuation behind a name is not part of it."""
    found = (name.rstrip(_PUNCTUATION).casefold() for name in _MENTION.findall(text))
    return list(dict.fromkeys(name for name in found if name))


def parts_of_note(text: str, usernames: Collection[str]) -> list[NotePart]:
    """Returns a note's text in pieces that add up to it, those that name one of `usernames` with @
    apart, whatever the capitals."""
    known = {name.casefold() for name in usernames}
    return [part for part in _pieces(text, known) if part.text]


def _pieces(text: str, known: set[str]) -> Iterator[NotePart]:
    end = 0
    for found in _MENTION.finditer(text):
        name = found[1].rstrip(_PUNCTUATION)
        if name.casefold() in known:
            yield NotePart(text[end : found.start()], is_person=False)
            end = found.start() + 1 + len(name)
            yield NotePart(text[found.start() : end], is_person=True)
    yield NotePart(text[end:], is_person=False)
