"""The demonstration: what `manage.py demo` sets up and keeps running."""
