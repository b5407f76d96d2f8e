"""What Flask-AppBuilder, which keeps Airflow's users and roles in the Compose stack, is configured with."""

from flask_appbuilder.const import AUTH_DB  # type: ignore[import-untyped]  # ships no types

AUTH_TYPE = AUTH_DB
# Nobody makes an account for themselves, and nobody looks without one.
AUTH_USER_REGISTRATION = False
WTF_CSRF_ENABLED = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
# Guessing passwords at the login page is slow. `/auth/token` is not FAB's, and knows no such limit.
AUTH_RATE_LIMITED = True
AUTH_RATE_LIMIT = "20 per minute"
RATELIMIT_STORAGE_URI = "memory://"
