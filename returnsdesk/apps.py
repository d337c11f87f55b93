"""Django's admin as this project configures it."""

from django.contrib.admin.apps import AdminConfig


class ConfigurationApp(AdminConfig):
    """The configuration pages, behind the desk's own sign-in."""

    default_site = "returnsdesk.configuration.ConfigurationSite"
