# The Iris API as an image. The context is the repository's root: `make image-1` builds it, infra/docker/README.md explains.
#
# There is no "# syntax=" line on purpose: the frontend built into Docker 20.10 and later knows all that is used here,
# so a build needs nothing from a registry but the base.

ARG PYTHON_IMAGE=python:3.11.15-slim-bookworm@sha256:d29f48a31a8b408ed19272ca1e7b10ebae13b240a27e862d3d4217c528e2e0c3

# --- builder: installs and compiles; only the folders that are copied below ship ---------------------------------------
FROM ${PYTHON_IMAGE} AS builder

# pip gets its own environment, so the one that ships has no installer
RUN python3 -m venv /opt/pip

# Byte code depends on the seed and on what its process compiled before: one seed, one process, and none written on the way.
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONHASHSEED=0

# Dependencies change seldom. They come first, so an edit of the code does not install them again. What the server never
# loads is removed: the image is smaller, and there is less to patch.
COPY infra/docker/layer.sh infra/docker/trim.sh infra/requirements/iris-api.txt /build/
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=ca,target=/run/secrets/ca.pem \
    if [ -e /run/secrets/ca.pem ]; then export PIP_CERT=/run/secrets/ca.pem; fi \
 && python3 -m venv --without-pip /opt/venv \
 && /opt/pip/bin/pip --disable-pip-version-check --python /opt/venv/bin/python install \
      --no-compile --only-binary :all: --require-hashes --requirement /build/iris-api.txt \
 && sh /build/trim.sh /opt/venv \
 && /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib \
 && sh /build/layer.sh /layers/environment /opt/venv

# Byte code without checks of its source's time: a read-only root cannot write it later, and equal sources give equal layers.
# If the lock file or the generated gRPC code lacks something, this import fails the build and not the deployment.
COPY shared/servekit /app/servekit
COPY 01-beginner-iris-api/iris_api /app/iris_api
RUN /layers/environment/opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /app \
 && cd /app && ORT_DISABLE_TELEMETRY=1 /layers/environment/opt/venv/bin/python -c "import iris_api.__main__"

COPY .run/1/packed/iris /models/iris

RUN sh /build/layer.sh /layers/models /models && sh /build/layer.sh /layers/code /app

# --- final: the base, the environment, the code, the model ------------------------------------------------------------
FROM ${PYTHON_IMAGE}

COPY --from=builder /layers/environment/ /
COPY --from=builder /layers/models/ /
COPY --from=builder /layers/code/ /

# /dev/shm is memory that every container may write, also below a read-only root: several workers share their metrics there
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ORT_DISABLE_TELEMETRY=1 \
    TMPDIR=/dev/shm \
    IRIS_RUN_DIR=/dev/shm \
    IRIS_HOST=0.0.0.0 \
    IRIS_PORT=8100 \
    IRIS_GRPC_PORT=8101 \
    IRIS_MODEL_DIR=/models/iris/1

# A number, because Kubernetes' runAsNonRoot cannot look up a name
USER 10001:10001
WORKDIR /app
EXPOSE 8100 8101
STOPSIGNAL SIGTERM

# http.client, because urllib.request would send even this through the container's HTTP_PROXY
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
    CMD ["python", "-I", "-c", "import os, sys, http.client as h; c = h.HTTPConnection('127.0.0.1', int(os.environ['IRIS_PORT']), timeout=2); c.request('GET', '/readyz'); sys.exit(c.getresponse().status != 200)"]

ENTRYPOINT ["python", "-m", "iris_api"]

ARG PYTHON_IMAGE
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="iris-api" \
      org.opencontainers.image.description="The Iris classifier over HTTP and gRPC: ONNX Runtime, Open Inference Protocol" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${PYTHON_IMAGE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
