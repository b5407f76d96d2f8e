"""What Flask-AppBuilder, which keeps Airflow's users and roles in the Compose stack, is configured with."""

import hashlib
import os
import secrets

from flask_appbuilder.const import AUTH_DB  # type: ignore[import-untyped]  # ships no types

# What sessions are signed with. By default it is [api] secret_key, which Celery workers have too, as the API server asks them
# for logs with it: the code of a Dag could log in as anybody. Whoever has no secret of tokens makes no sessions that count.
_TOKENS = os.environ.get("AIRFLOW__API_AUTH__JWT_SECRET") or secrets.token_hex()
SECRET_KEY = hashlib.sha256(f"sessions {_TOKENS}".encode()).hexdigest()
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
