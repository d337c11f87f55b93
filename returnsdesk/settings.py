"""Settings: read strictly from the environment; names are listed in `.env.example`.

Without any environment the project runs embedded: SQLite, Celery on its filesystem transport, a
cache in memory, the simulated payment gateway. `DATABASE_URL`, `REDIS_URL` and
`CELERY_BROKER_URL` move it to PostgreSQL and Redis; the code is the same.
"""

import os
import sys
import tempfile
from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

INSECURE_SECRET_KEY = "insecure-key-for-a-demo-on-one-machine-only"  # noqa: S105 - refused unless DEBUG=1
INSECURE_FIELD_KEY = "aW5zZWN1cmUtZGVtby1rZXktb25lLW1hY2hpbmUhISE="

env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")


def strict_bool(name: str, default: bool) -> bool:
    """Returns the boolean in the environment; anything but 0/1/true/false stops the start."""
    text = env.str(name, default="1" if default else "0").strip().lower()
    if text in ("1", "true"):
        return True
    if text in ("0", "false"):
        return False
    raise ImproperlyConfigured(f"{name}={text!r}: write 1 or 0")


def one_of(name: str, allowed: tuple[str, ...], default: str) -> str:
    """Returns a word from the environment; one that is not allowed stops the start."""
    word = env.str(name, default=default)
    if word not in allowed:
        raise ImproperlyConfigured(f"{name}={word!r}: write one of {', '.join(allowed)}")
    return word


TESTING = "pytest" in sys.modules

# --- Core -------------------------------------------------------------------------------------

DEBUG = strict_bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default=INSECURE_SECRET_KEY)
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
FIELD_ENCRYPTION_KEYS = [key for key in env.list("FIELD_ENCRYPTION_KEYS", default=[]) if key] or [
    INSECURE_FIELD_KEY
]

if not DEBUG and not TESTING:
    if SECRET_KEY == INSECURE_SECRET_KEY:
        raise ImproperlyConfigured(
            "SECRET_KEY is not set and DEBUG=0: set SECRET_KEY to a long random text "
            "(or DEBUG=1 on a machine of your own)"
        )
    if INSECURE_FIELD_KEY in FIELD_ENCRYPTION_KEYS:
        raise ImproperlyConfigured(
            "FIELD_ENCRYPTION_KEYS is not set and DEBUG=0: set it to one or more Fernet keys, "
            "comma-separated; the first one encrypts"
        )

ALLOWED_HOSTS = env.list(
    "ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"] if DEBUG else []
)
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
PORT = env.int("PORT", default=8000)

INSTALLED_APPS = [
    "returnsdesk.apps.ConfigurationApp",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_filters",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "apps.common",
    "apps.stores",
    "apps.accounts",
    "apps.timeline",
    "apps.attention",
    "apps.cases",
    "apps.outbox",
    "apps.optoro",
    "apps.payments",
    "apps.ledger",
    "apps.catalog",
    "apps.orders",
    "apps.rmas",
    "apps.exchanges",
    "apps.refunds",
    "apps.reconciliation",
    "apps.inbox",
    "apps.publisher",
    "apps.reports",
    "apps.statements",
    "apps.desk",
    "apps.api",
    "apps.sandbox",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "apps.common.middleware.RequestIdMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "apps.accounts.middleware.SignInAgainMiddleware",
    "apps.accounts.middleware.LastSeenMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "csp.middleware.CSPMiddleware",
]
if DEBUG:
    MIDDLEWARE.append("apps.common.middleware.NotFoundPageMiddleware")

ROOT_URLCONF = "returnsdesk.urls"
WSGI_APPLICATION = "returnsdesk.wsgi.application"
# Machine callers use addresses with and without a trailing slash; both are routed, none redirects.
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.desk.context.desk",
            ],
        },
    },
]

# --- Database and cache -----------------------------------------------------------------------

DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'desk.sqlite3'}")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    VAR_DIR.mkdir(exist_ok=True)
    # Immediate transactions take the write lock at BEGIN: on SQLite that is what serializes every
    # "lock, read, decide, write", where PostgreSQL locks rows.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;",
    }
    if TESTING:
        # A file, not memory: threads of a test then meet as real connections do.
        test_file = Path(tempfile.gettempdir()) / f"returnsdesk-test-{os.getpid()}.sqlite3"
        DATABASES["default"]["TEST"] = {"NAME": str(test_file)}
        DATABASES["default"]["OPTIONS"]["init_command"] = (
            "PRAGMA journal_mode=WAL;PRAGMA synchronous=OFF;"
        )
else:
    DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=60)
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    # The desk asks for few rows by index: compiling a query would take longer than the query does,
    # and so would starting processes for it; indexes are in memory or on a disk without arms.
    for_few_rows = "-c jit=off -c random_page_cost=1.1 -c parallel_setup_cost=10000"
    if server_options := env.str("DATABASE_OPTIONS", default=for_few_rows):
        DATABASES["default"].setdefault("OPTIONS", {}).setdefault("options", server_options)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", default="")
if TESTING and REDIS_URL and "PYTEST_XDIST_WORKER" in os.environ:
    # Tests empty the cache: those of another process must not lose theirs by it.
    server, _, number = REDIS_URL.rpartition("/")
    worker = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw"))
    REDIS_URL = f"{server}/{(int(number) - worker) % 16}"
CACHES = {
    "default": (
        {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
        if REDIS_URL
        else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    ),
    # Tries to sign in: nothing else may push them out of memory.
    "attempts": (
        {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": "attempts",
        }
        if REDIS_URL
        else {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": "attempts",
            "OPTIONS": {"MAX_ENTRIES": 100_000},
        }
    ),
}

# --- Celery -----------------------------------------------------------------------------------

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default=REDIS_URL or "filesystem://")
if CELERY_BROKER_URL.startswith("filesystem"):
    QUEUE_DIR = VAR_DIR / "celery"
    for folder in ("messages", "control"):
        (QUEUE_DIR / folder).mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(QUEUE_DIR / "messages"),
        "data_folder_out": str(QUEUE_DIR / "messages"),
        "control_folder": str(QUEUE_DIR / "control"),
        "store_processed": False,
    }
else:
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "visibility_timeout": 3600,
        "socket_connect_timeout": 2,
        "socket_timeout": 10,
    }
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
SWEEP_SECONDS = env.float("SWEEP_SECONDS", default=10.0)
OUTBOX_RETRY_BASE_SECONDS = env.float("OUTBOX_RETRY_BASE_SECONDS", default=5.0)
RECONCILE_SECONDS = env.float("RECONCILE_SECONDS", default=300.0)
RECONCILE_REPORTED_WITHIN_MINUTES = env.int("RECONCILE_REPORTED_WITHIN_MINUTES", default=60)
RECONCILE_CONFIRMED_WITHIN_HOURS = env.int("RECONCILE_CONFIRMED_WITHIN_HOURS", default=48)
RECONCILE_SETTLEMENT_WITHIN_HOURS = env.int("RECONCILE_SETTLEMENT_WITHIN_HOURS", default=72)
RECONCILE_APPROVAL_WITHIN_HOURS = env.int("RECONCILE_APPROVAL_WITHIN_HOURS", default=48)
TIDY_SECONDS = env.float("TIDY_SECONDS", default=600.0)
CELERY_BEAT_SCHEDULE = {
    "sweep-inbox": {"task": "inbox.process_due", "schedule": SWEEP_SECONDS},
    "sweep-outbox": {"task": "outbox.run_due", "schedule": SWEEP_SECONDS},
    "reconcile": {"task": "reconciliation.sweep", "schedule": RECONCILE_SECONDS},
    "sweep-schedules": {"task": "reports.start_due", "schedule": SWEEP_SECONDS},
    "tidy": {"task": "desk.tidy", "schedule": TIDY_SECONDS},
}
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")

# --- People, sessions, transport security -----------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "desk:login"
LOGIN_REDIRECT_URL = "desk:home"
LOGOUT_REDIRECT_URL = "desk:login"
if TESTING:
    # Passwords of tests guard nothing, and a slow hash is an eighth of the suite.
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# Second factors and the list of sessions are allauth's; its own pages are not routed.
ACCOUNT_ADAPTER = "apps.accounts.adapters.AccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
# apps/accounts/attempts.py counts instead: per name, per person and per address, for every way in.
ACCOUNT_RATE_LIMITS = False
MFA_RATE_LIMITS = False
MFA_ADAPTER = "apps.accounts.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
# A passkey is a finger, a face or a PIN whatever it is asked for, not only where it stands alone.
MFA_WEBAUTHN_USER_VERIFICATION = "required"
# Without verified e-mail addresses there is none to wait for.
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_ISSUER = "Returns Desk"
# Clocks of phones are off by some seconds: the code before and the one after count, too.
MFA_TOTP_TOLERANCE = 1
# Proxies of our own in front of the desk: that many of X-Forwarded-For's last entries are believed.
TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)
SIGN_IN_TRIES_PER_NAME = env.int("SIGN_IN_TRIES_PER_NAME", default=10)
SIGN_IN_TRIES_PER_ADDRESS = env.int("SIGN_IN_TRIES_PER_ADDRESS", default=50)
SIGN_IN_WINDOW_MINUTES = env.int("SIGN_IN_WINDOW_MINUTES", default=15)
# How long after somebody said who they are dangerous actions need no password again.
SUDO_MINUTES = env.int("SUDO_MINUTES", default=15)
# How long a form that was sent after its session had ended is kept for its author.
DRAFTS_KEPT_HOURS = env.int("DRAFTS_KEPT_HOURS", default=72)
# How long the outcome of an action on many rows can be looked at, and its confirmation counts once.
BULK_RUNS_KEPT_DAYS = env.int("BULK_RUNS_KEPT_DAYS", default=90)

HTTPS_ONLY = strict_bool("HTTPS_ONLY", default=not DEBUG and not TESTING)
SESSION_COOKIE_SECURE = HTTPS_ONLY
CSRF_COOKIE_SECURE = HTTPS_ONLY
SECURE_SSL_REDIRECT = HTTPS_ONLY
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS_ONLY else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS_ONLY
SECURE_HSTS_PRELOAD = HTTPS_ONLY
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS_ONLY else None
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    }
}

# --- Language, time, static files -------------------------------------------------------------

LANGUAGE_CODE = "en-us"
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.str("TIME_ZONE", default="UTC")

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = BASE_DIR / "staticfiles"
# With DEBUG=1 files are served from where they are; otherwise from `collectstatic`, with hashes.
STATICFILES_STORAGE_BACKEND = (
    "django.contrib.staticfiles.storage.StaticFilesStorage"
    if DEBUG or TESTING
    else "whitenoise.storage.CompressedManifestStaticFilesStorage"
)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": STATICFILES_STORAGE_BACKEND},
}
WHITENOISE_USE_FINDERS = DEBUG or TESTING
# Files are looked for when they are asked for, not all of them by each client of each test.
WHITENOISE_AUTOREFRESH = DEBUG or TESTING
if DEBUG or TESTING:
    STATIC_ROOT.mkdir(exist_ok=True)

# --- API --------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["apps.api.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["apps.api.permissions.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "apps.api.pagination.NewestFirst",
    "EXCEPTION_HANDLER": "apps.api.errors.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Returns Desk API",
    "DESCRIPTION": "Orders in, returns and refunds out. Amounts are integer cents, times are UTC.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "apps.api.optoro_schema.add_addresses_outside_the_api",
    ],
}

# --- Exchange orders ----------------------------------------------------------------------------

# Who works out the tax of exchange orders, by the name that a store chooses: dotted paths of
# classes with a method `quote(sale)` (apps/exchanges/pricing.py says what it promises).
EXCHANGE_TAX_SERVICES = {"original_rate": "apps.exchanges.pricing.OriginalRate"}

# --- Limits -----------------------------------------------------------------------------------

# A webhook of a thousand units is about 0.7 MB; an order batch may be larger.
MAX_BODY_BYTES = env.int("MAX_BODY_BYTES", default=5 * 1024 * 1024)
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES

# --- The default store ------------------------------------------------------------------------

PAYMENT_GATEWAYS = ("simulated", "manual", "http", "stripe")
REFUND_TRIGGERS = ("default", "receipt", "manual")
DEFAULT_STORE = {
    "identifier": env.str("OPTORO_OPTITURN_ID", default="default"),
    "optoro_auth_url": env.str("OPTORO_AUTH_URL", default=""),
    "optoro_orders_url": env.str("OPTORO_ORDERS_URL", default=""),
    "optoro_asn_url": env.str("OPTORO_ASN_URL", default=""),
    "optoro_rtv_url": env.str("OPTORO_RTV_URL", default=""),
    "optoro_client_id": env.str("OPTORO_CLIENT_ID", default=""),
    "optoro_client_secret": env.str("OPTORO_CLIENT_SECRET", default=""),
    "webhook_username": env.str("OPTORO_WEBHOOK_USERNAME", default=""),
    "webhook_password": env.str("OPTORO_WEBHOOK_PASSWORD", default=""),
    "webhook_api_key": env.str("OPTORO_WEBHOOK_API_KEY", default=""),
    "payment_gateway": one_of("PAYMENT_GATEWAY", PAYMENT_GATEWAYS, default="simulated"),
    "refund_trigger": one_of("REFUND_TRIGGER", REFUND_TRIGGERS, default="default"),
}

# How long the file of an export can be downloaded.
EXPORT_KEEP_DAYS = env.int("EXPORT_KEEP_DAYS", default=30)

# --- Mail ---------------------------------------------------------------------------------------

EMAIL_URL = env.str("EMAIL_URL", default="")
# On a machine of one's own mails are files; elsewhere, what could not leave must not look sent.
EMAIL_IS_MISSING = not EMAIL_URL and not DEBUG and not TESTING
EMAIL_GOES_TO_FILES = not EMAIL_URL and DEBUG
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = str(VAR_DIR / "mail")
if EMAIL_URL:
    try:
        mail = env.email_url("EMAIL_URL")
    except ImproperlyConfigured as error:
        raise ImproperlyConfigured(
            f"EMAIL_URL: {error}; write smtps://NAME:PASSWORD@HOST"
        ) from None
    EMAIL_BACKEND = mail["EMAIL_BACKEND"]
    EMAIL_FILE_PATH = mail["EMAIL_FILE_PATH"]
    EMAIL_HOST, EMAIL_HOST_USER = mail["EMAIL_HOST"], mail["EMAIL_HOST_USER"] or ""
    EMAIL_HOST_PASSWORD = mail["EMAIL_HOST_PASSWORD"] or ""
    EMAIL_USE_TLS, EMAIL_USE_SSL = (
        mail.get("EMAIL_USE_TLS", False),
        mail.get("EMAIL_USE_SSL", False),
    )
    EMAIL_PORT = mail["EMAIL_PORT"] or (465 if EMAIL_USE_SSL else 587 if EMAIL_USE_TLS else 25)
EMAIL_TIMEOUT = env.int("EMAIL_TIMEOUT", default=30)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Returns Desk <returnsdesk@localhost>")
# Larger files of reports go as a link.
REPORT_MAIL_MOST_BYTES = env.int("REPORT_MAIL_MOST_BYTES", default=10 * 1024 * 1024)
# Where people find the desk, for links in mails.
_HOST = next((host for host in ALLOWED_HOSTS if not host.startswith((".", "*"))), "localhost")
DESK_URL = env.str(
    "DESK_URL",
    default=f"http://127.0.0.1:{PORT}"
    if DEBUG
    else f"{'https' if HTTPS_ONLY else 'http'}://{_HOST}",
).rstrip("/")

# --- Logs -------------------------------------------------------------------------------------

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "request_id": {"()": "apps.common.logs.RequestIdFilter"},
        "refusals": {"()": "apps.common.logs.RefusalFilter"},
    },
    "formatters": {"line": {"()": "apps.common.logs.RedactingFormatter"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["request_id"],
        }
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        # Without handlers of its own, which would write every line twice while debugging.
        "django": {"level": "INFO", "handlers": []},
        "django.request": {"filters": ["refusals"]},
    },
}

# --- Error reports (off unless SENTRY_DSN is set) -----------------------------------------------

SENTRY_DSN = env.str("SENTRY_DSN", default="")
if SENTRY_DSN:
    import sentry_sdk

    # Bodies and local variables hold shoppers' data and credentials: they stay here.
    sentry_sdk.init(
        dsn=SENTRY_DSN,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
    )
