# What makes MinIO ready for the pipeline: buckets, keys, rights.
#
#   docker build --file minio/bootstrap.Dockerfile --tag ml-pipeline-minio-bootstrap:0.1.0 .
#
# Its context is the root of the repository, of which bootstrap.Dockerfile.dockerignore lets through what is copied here.
ARG PYTHON_IMAGE=python:3.13.11-slim-trixie

FROM ${PYTHON_IMAGE}
WORKDIR /bootstrap
COPY minio/requirements.lock ./
RUN python3 -m pip install --target=/bootstrap/packages --no-cache-dir --no-deps --require-hashes --no-input \
    --disable-pip-version-check --progress-bar=off -r requirements.lock
COPY minio/bootstrap.py minio/rights.py minio/server.py minio/settings.py minio/users.py ./
COPY minio/policies ./policies
COPY contract/src ./contract
RUN chmod -R a+rX *.py policies contract
# Nothing is written at run time: the root file system can be read-only.
ENV PYTHONPATH=/bootstrap/packages:/bootstrap/contract PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
ENTRYPOINT ["python3", "/bootstrap/bootstrap.py"]
ARG BOOTSTRAP_VERSION=0+local
ARG SOURCE=
ARG BOOTSTRAP_CREATED=
LABEL org.opencontainers.image.title="MinIO bootstrap of the pipeline" \
    org.opencontainers.image.version="${BOOTSTRAP_VERSION}" \
    org.opencontainers.image.source="${SOURCE}" \
    org.opencontainers.image.created="${BOOTSTRAP_CREATED}"
