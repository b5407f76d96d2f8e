"""The local stack: Airflow, Postgres, an S3 server and MLflow on one machine, without Docker."""

import sys
from pathlib import Path

# The contract lies beside this package, and the set-up needs it before there is an environment that knows where.
sys.path.append(str(Path(__file__).resolve().parent.parent / "contract" / "src"))
