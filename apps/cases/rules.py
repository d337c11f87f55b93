"""How notes name people. Pure."""

import re

_MENTION = re.compile(r"(?<![\w@.])@([\w.+-]+(?:@[\w-]+(?:\.[\w-]+)+)?)")


def names_mentioned(text: str) -> list[str]:
    """Returns the user names that a note names with @, each once, in order, in small letters.
    Punctuation behind a name is not part of it."""
    found = (name.rstrip(".-+").casefold() for name in _MENTION.findall(text))
    return list(dict.fromkeys(name for name in found if name))
