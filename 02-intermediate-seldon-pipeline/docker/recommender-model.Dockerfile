# Level 2's model as an image. The context is the repository's root: `make image-2` builds it, infra/docker/README.md explains.

ARG PYTHON_IMAGE=python:3.11.15-slim-bookworm@sha256:d29f48a31a8b408ed19272ca1e7b10ebae13b240a27e862d3d4217c528e2e0c3

# --- builder: installs and compiles; only the folders that are copied below ship ---------------------------------------
FROM ${PYTHON_IMAGE} AS builder

RUN python3 -m venv /opt/pip
# Byte code depends on the seed and on what its process compiled before: one seed, one process, and none written on the way.
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONHASHSEED=0

# Some packages that Seldon's wrapper needs exist only as source (opentracing's); all of them are pure Python.
COPY infra/docker/layer.sh infra/docker/trim.sh infra/requirements/recommender-model.txt /build/
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=ca,target=/run/secrets/ca.pem \
    if [ -e /run/secrets/ca.pem ]; then export PIP_CERT=/run/secrets/ca.pem; fi \
 && python3 -m venv --without-pip /opt/venv \
 && /opt/pip/bin/pip --disable-pip-version-check --python /opt/venv/bin/python install \
      --no-compile --prefer-binary --require-hashes --requirement /build/recommender-model.txt \
 && sh /build/trim.sh /opt/venv \
 && /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib \
 && sh /build/layer.sh /layers/environment /opt/venv

# Only the component's own code: neither the router nor training.
COPY shared/servekit/__init__.py shared/servekit/artefact_folder.py shared/servekit/errors.py \
     shared/servekit/external_data.py shared/servekit/signing.py /app/servekit/
COPY 02-intermediate-seldon-pipeline/recommender/__init__.py /app/recommender/
COPY 02-intermediate-seldon-pipeline/recommender/domain /app/recommender/domain
COPY 02-intermediate-seldon-pipeline/recommender/service /app/recommender/service
COPY 02-intermediate-seldon-pipeline/recommender/adapters /app/recommender/adapters
COPY 02-intermediate-seldon-pipeline/recommender/entrypoints/__init__.py /app/recommender/entrypoints/
COPY 02-intermediate-seldon-pipeline/recommender/entrypoints/components /app/recommender/entrypoints/components
RUN /layers/environment/opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /app \
 && cd /app && ORT_DISABLE_TELEMETRY=1 /layers/environment/opt/venv/bin/python -c \
      "import recommender.entrypoints.components.__main__, recommender.entrypoints.components.model"

COPY .run/2/packed/recommender/1/model.json* .run/2/packed/recommender/1/model.onnx /models/recommender/1/
COPY .run/2/packed/recommender/2/model.json* .run/2/packed/recommender/2/model.onnx /models/recommender/2/

RUN sh /build/layer.sh /layers/models /models && sh /build/layer.sh /layers/code /app

# --- final: the base, the environment, the code, the models of both versions ------------------
FROM ${PYTHON_IMAGE}

COPY --from=builder /layers/environment/ /
COPY --from=builder /layers/models/ /
COPY --from=builder /layers/code/ /

# /dev/shm is memory that every container may write, also below a read-only root: gunicorn's heartbeat and the socket on
# which the wrapper's processes share their metrics live there
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ORT_DISABLE_TELEMETRY=1 \
    TMPDIR=/dev/shm \
    RECOMMENDER_STEP_HOST=0.0.0.0 \
    PREDICTIVE_UNIT_HTTP_SERVICE_PORT=9000 \
    PREDICTIVE_UNIT_GRPC_SERVICE_PORT=9500 \
    PREDICTIVE_UNIT_METRICS_SERVICE_PORT=6000 \
    GUNICORN_THREADS=4 \
    INCLUDE_METRICS_IN_CLIENT_RESPONSE=false \
    RECOMMENDER_MODEL_DIR=/models/recommender/1

# A number, because Kubernetes' runAsNonRoot cannot look up a name
USER 10001:10001
WORKDIR /app
EXPOSE 9000 9500 6000
STOPSIGNAL SIGTERM

# http.client, because urllib.request would send even this through the container's HTTP_PROXY
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
    CMD ["python", "-I", "-c", "import os, sys, http.client as h; c = h.HTTPConnection('127.0.0.1', int(os.environ['PREDICTIVE_UNIT_HTTP_SERVICE_PORT']), timeout=2); c.request('GET', '/health/status'); sys.exit(c.getresponse().status != 200)"]

ENTRYPOINT ["python", "-m", "recommender.entrypoints.components", "model"]

ARG PYTHON_IMAGE
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="recommender-model" \
      org.opencontainers.image.description="The recommender pipeline's model: scores of all items in ONNX Runtime" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${PYTHON_IMAGE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
