#!/usr/bin/env bash
# Build all images under their names for tests, on stand-ins where their bases cannot be pulled. Nothing needs it: it makes
# later builds quick.
set -euo pipefail
cd "$(dirname "$0")/../.."

tests/compose/make_base.sh
build() { DOCKER_BUILDKIT=1 docker build --quiet "$@"; }
build --target worker --tag ml-pipeline-worker:tests worker
build --target mlflow --tag ml-pipeline-mlflow:tests worker
build --tag ml-pipeline-airflow:tests dags
build --target server --tag ml-pipeline-minio:tests minio
build --target bootstrap --tag ml-pipeline-minio-bootstrap:tests minio
