# Regie in a container: not root, and nothing is written but in /var/lib/regie, so the root file system may be read-only.
# How to run it: docs/running.md.

FROM python:3.11-slim-bookworm AS build
WORKDIR /opt/regie
RUN python -m venv .venv
# requirements-otel.lock has what traces need, too.
ARG LOCK=requirements.lock
COPY requirements.lock requirements-otel.lock ./
RUN .venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --no-deps -r ${LOCK}
COPY pyproject.toml README.md LICENSE alembic.ini ./
COPY app app
COPY migrations migrations
COPY profiles profiles
RUN .venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation --no-index --editable . \
    && .venv/bin/python -m compileall -q app migrations

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="Regie" \
      org.opencontainers.image.licenses="EUPL-1.2"
RUN groupadd --gid 10001 regie \
    && useradd --uid 10001 --gid regie --home-dir /var/lib/regie --create-home --shell /usr/sbin/nologin regie
COPY --from=build /opt/regie /opt/regie
ENV PATH=/opt/regie/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    REGIE_HOST=0.0.0.0 \
    REGIE_PORT=8000 \
    REGIE_DATABASE_URL=sqlite:////var/lib/regie/regie.sqlite3 \
    REGIE_SECRET_FILE=/var/lib/regie/secret
USER 10001:10001
WORKDIR /var/lib/regie
VOLUME /var/lib/regie
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as web; web.urlopen(f\"http://127.0.0.1:{os.environ['REGIE_PORT']}/health/ready\", timeout=4)"]
ENTRYPOINT ["regie"]
CMD ["serve"]
