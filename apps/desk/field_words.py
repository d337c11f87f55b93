"""What forms say where a value cannot be used: the field by its name, and the remedy."""


def words_for(what: str, *, required: str = "", **more: str) -> dict[str, str]:
    """Returns the error messages of a field that people call `what` ("the reason"); `required` says
    what to write where it is blank, and `more` what its own checks say, by their codes."""
    name = f"{what[:1].upper()}{what[1:]}"
    return {
        "required": required or f"{name} is missing: write it.",
        "max_length": f"{name} has %(show_value)d characters: shorten it to %(limit_value)d.",
        "null_characters_not_allowed": f"{name} holds a character that cannot be stored: "
        "write it anew.",
        "min_value": f"{name} is %(show_value)s: write %(limit_value)s or more.",
        "max_value": f"{name} is %(show_value)s: write %(limit_value)s or less.",
        "invalid_choice": f"{name} cannot be %(value)s: choose one of those offered.",
        **more,
    }
