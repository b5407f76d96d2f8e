# A worker with faults on demand, for tests of the docker runner. Its user is root: the runner must not let it be.
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
COPY tests/dags/faulty_worker /opt/faulty
COPY benchmarks/stub_worker /opt/stub
COPY contract/src /opt/contract
ENV PYTHONPATH=/opt/faulty:/opt/stub:/opt/contract PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
ENTRYPOINT ["python3"]
