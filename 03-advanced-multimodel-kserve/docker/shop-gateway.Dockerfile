# Level 3's gateway as an image; the feature loader runs from it, too. The context is the repository's root: `make image-3`
# builds it, infra/docker/README.md explains.

ARG PYTHON_IMAGE=python:3.11.15-slim-bookworm@sha256:d29f48a31a8b408ed19272ca1e7b10ebae13b240a27e862d3d4217c528e2e0c3

# --- builder: installs and compiles; only the folders that are copied below ship ---------------------------------------
FROM ${PYTHON_IMAGE} AS builder

RUN python3 -m venv /opt/pip
# Byte code depends on the seed and on what its process compiled before: one seed, one process, and none written on the way.
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONHASHSEED=0

COPY infra/docker/layer.sh infra/docker/trim.sh infra/requirements/shop-gateway.txt /build/
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=ca,target=/run/secrets/ca.pem \
    if [ -e /run/secrets/ca.pem ]; then export PIP_CERT=/run/secrets/ca.pem; fi \
 && python3 -m venv --without-pip /opt/venv \
 && /opt/pip/bin/pip --disable-pip-version-check --python /opt/venv/bin/python install \
      --no-compile --only-binary :all: --require-hashes --requirement /build/shop-gateway.txt \
 && sh /build/trim.sh /opt/venv \
 && /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib \
 && sh /build/layer.sh /layers/environment /opt/venv

# The gateway and what it stands on: neither training nor the canary is in here. The import fails the build, not the
# deployment, where something is missing.
COPY shared/servekit /app/servekit
COPY 03-advanced-multimodel-kserve/shop/__init__.py 03-advanced-multimodel-kserve/shop/addresses.py \
     03-advanced-multimodel-kserve/shop/artefact.py 03-advanced-multimodel-kserve/shop/endpoints.py \
     03-advanced-multimodel-kserve/shop/limits.py /app/shop/
COPY 03-advanced-multimodel-kserve/shop/features /app/shop/features
COPY 03-advanced-multimodel-kserve/shop/serving /app/shop/serving
COPY 03-advanced-multimodel-kserve/shop/gateway /app/shop/gateway
RUN /layers/environment/opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /app \
 && cd /app && /layers/environment/opt/venv/bin/python -c "import shop.gateway.__main__, shop.serving.feature_loader, uvloop"

# Of the models only what drift is measured against; Triton has the graphs.
COPY .run/3/models /data/models
RUN find /data/models -type f ! -name drift.json -delete && find /data/models -type d -empty -delete && mkdir -p /data/models
COPY .run/3/features /data/features

RUN sh /build/layer.sh /layers/models /data && sh /build/layer.sh /layers/code /app

# --- final: the base, the environment, the code, the features ---------------------------------------------------------
FROM ${PYTHON_IMAGE}

COPY --from=builder /layers/environment/ /
COPY --from=builder /layers/models/ /
COPY --from=builder /layers/code/ /

# /dev/shm is memory that every container may write, also below a read-only root
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ORT_DISABLE_TELEMETRY=1 \
    TMPDIR=/dev/shm \
    SHOP_RUN_DIR=/data \
    SHOP_HOST=0.0.0.0 \
    SHOP_GATEWAY_PORT=8310

# A number, because Kubernetes' runAsNonRoot cannot look up a name
USER 10001:10001
WORKDIR /app
EXPOSE 8310
STOPSIGNAL SIGTERM

# http.client, because urllib.request would send even this through the container's HTTP_PROXY
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
    CMD ["python", "-I", "-c", "import os, sys, http.client as h; c = h.HTTPConnection('127.0.0.1', int(os.environ['SHOP_GATEWAY_PORT']), timeout=2); c.request('GET', '/readyz'); sys.exit(c.getresponse().status != 200)"]

ENTRYPOINT ["python", "-m", "shop.gateway"]

ARG PYTHON_IMAGE
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="shop-gateway" \
      org.opencontainers.image.description="The shop's gateway and the loader of its features: search, payments, recommendations" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${PYTHON_IMAGE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
