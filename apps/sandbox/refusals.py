"""The one exception for what Optoro would not let anybody do."""


class ReturnRefused(ValueError):
    """Optoro would not let the shopper or carrier do this; the text says why."""
