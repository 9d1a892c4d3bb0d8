# Callout as an image: one image for each of its processes, `callout ingest`, `work`, `serve`, `accounts`, `migrate`.
# docker build --tag callout .

ARG PYTHON=3.13-slim-trixie

# ---- What is installed, and compiled to bytecode, once; the registry is pip's own setting (PIP_INDEX_URL).
FROM python:${PYTHON} AS build
ARG PIP_INDEX_URL=https://pypi.org/simple
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /callout
RUN python -m venv /venv
COPY requirements.lock requirements-extras.lock ./
# Wheels only, each checked by its hash: nothing is compiled here. The extras `kafka` and `routes` are there, so that settings
# alone turn them on. Of the PostgreSQL that is brought along for a machine without a server, the programs of `callout backup`
# and `restore` stay; a broker of last resort, what is only learned with, and pip itself have no place in a container.
RUN /venv/bin/pip install --require-hashes --only-binary=:all: --no-deps --requirement requirements.lock --requirement requirements-extras.lock \
    && /venv/bin/pip uninstall --yes iotcore scikit-learn scipy joblib narwhals threadpoolctl pip \
    && rm requirements.lock requirements-extras.lock
COPY devices ./devices
COPY diagnostics ./diagnostics
COPY workflows ./workflows
COPY gateway ./gateway
COPY dashboards ./dashboards
COPY LICENSE pyproject.toml ./
RUN /venv/bin/python -m compileall -q devices diagnostics workflows gateway dashboards \
    && printf '#!/bin/sh\nexec /venv/bin/python -m gateway "$@"\n' > /venv/bin/callout \
    && chmod 755 /venv/bin/callout

# ---- What runs: no compiler, no pip, no root.
FROM python:${PYTHON}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="Callout" \
      org.opencontainers.image.description="The service desk that machines call" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
# The number is that of the account in mosquitto's image, so that the broker may read what is written for it alone.
RUN groupadd --gid 1883 callout \
    && useradd --uid 1883 --gid callout --home-dir /callout --no-create-home --shell /usr/sbin/nologin callout \
    && install --directory --owner=callout --group=callout --mode=0700 /data /authority /backups /broker
COPY --from=build /venv /venv
COPY --from=build /callout /callout
ENV PATH=/venv/bin:$PATH \
    PYTHONPATH=/callout \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONUTF8=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    CALLOUT_DATA_DIR=/data \
    # Each process has a container to itself, so all may answer on the same port, and one check fits them all.
    CALLOUT_HTTP_HOST=0.0.0.0 \
    CALLOUT_HTTP_PORT=8080 \
    CALLOUT_METRICS_HOST=0.0.0.0 \
    CALLOUT_INGEST_METRICS_PORT=8080 \
    CALLOUT_WORK_METRICS_PORT=8080
WORKDIR /callout
USER 1883:1883
EXPOSE 8080
STOPSIGNAL SIGTERM
# Healthy is who can do his work: urlopen fails on 503. Who has no such door (accounts, migrate) is checked otherwise.
HEALTHCHECK --interval=10s --timeout=8s --start-period=60s --retries=6 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/readyz', timeout=7)"]
ENTRYPOINT ["callout"]
CMD ["--help"]
