"""Makes the databases of Airflow and of MLflow, each with a user of its own; safe to repeat.

A changed password in the settings is the user's from the next start on. Exits with 2 when Postgres refuses the
administrator, and with 75 when it does not answer.
"""

import os
import sys
import time

import psycopg2  # type: ignore[import-untyped]  # ships no types
from psycopg2 import sql
from psycopg2.extensions import (  # type: ignore[import-untyped]  # ships no types
    ISOLATION_LEVEL_AUTOCOMMIT,
    connection,
)

from pipeline_contract.exit_code import ExitCode

#: Who has a database of its own, of the same name, and which setting holds the password.
PASSWORDS = {"airflow": "AIRFLOW_POSTGRES_PASSWORD", "mlflow": "MLFLOW_POSTGRES_PASSWORD"}
_PATIENCE_SECONDS = 60


def connect() -> connection:
    """Return a connection as the administrator, as soon as the server takes one."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            opened = psycopg2.connect(
                host=os.environ["PGHOST"],
                user="postgres",
                password=os.environ["POSTGRES_PASSWORD"],
                dbname="postgres",
                connect_timeout=5,
            )
        except psycopg2.OperationalError as error:
            if "authentication failed" in str(error):
                sys.stderr.write(
                    "Postgres refuses its administrator: POSTGRES_PASSWORD is not the one that it was started with. "
                    "Start it again: make down up STACK=compose\n"
                )
                raise SystemExit(ExitCode.REQUEST) from None
            if time.monotonic() > end:
                sys.stderr.write(f"Postgres does not answer at {os.environ['PGHOST']}.\n")
                raise SystemExit(ExitCode.OUTSIDE) from None
            time.sleep(0.5)
        else:
            # A database cannot be made within a transaction.
            opened.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
            return opened


def main() -> None:
    """Make what is missing, and set the passwords."""
    with connect().cursor() as cursor:
        # Else every user may use every database.
        cursor.execute("REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC")
        for name, setting in PASSWORDS.items():
            user = sql.Identifier(name)
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,))
            if not cursor.fetchone():
                cursor.execute(sql.SQL("CREATE ROLE {} LOGIN").format(user))
            cursor.execute(sql.SQL("ALTER ROLE {} PASSWORD %s").format(user), (os.environ[setting],))
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
            is_there = bool(cursor.fetchone())
            if not is_there:
                cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(user, user))
            cursor.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(user))
            sys.stdout.write(f"database {name}: {'there' if is_there else 'made'}\n")


if __name__ == "__main__":
    main()
