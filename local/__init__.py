"""The local stack: Airflow, Postgres, an S3 server and MLflow on one machine, without Docker."""

import sys
from pathlib import Path

# The contract lies beside this package. It is not installed: the set-up, which makes what it could be installed in, needs it too.
sys.path.append(str(Path(__file__).resolve().parent.parent / "contract" / "src"))
