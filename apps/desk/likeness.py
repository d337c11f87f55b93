"""How much a text is like a part of another: for databases that have no index for it. Pure."""

import unicodedata


def _plain(text: str) -> str:
    """In small letters, accents taken off."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in apart if not unicodedata.combining(char))


def _trigrams(word: str) -> set[str]:
    padded = f"  {word} "
    return {padded[n : n + 3] for n in range(len(padded) - 2)}


def _words(text: str) -> list[str]:
    return "".join(char if char.isalnum() else " " for char in _plain(text)).split()


def likeness(asked: str, text: str) -> float:
    """Returns from 0 to 1 how much of `asked` some words of `text` have, by the groups of three
    letters that they share. Case, accents and the order of words do not matter."""
    wanted = [_trigrams(word) for word in _words(asked)]
    given = [_trigrams(word) for word in _words(text)]
    total = sum(len(word) for word in wanted)
    if not total or not given:
        return 0.0
    shared = sum(max(len(word & other) for other in given) for word in wanted)
    return shared / total
