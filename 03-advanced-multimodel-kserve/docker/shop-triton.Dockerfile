# Level 3's model server: Triton with the model repositories of one training run. The context is the repository's root.
#
#   make image-3                                              the last stage, embedded: the Triton of a Python wheel, for CPUs
#   python -m workbench.images build 3 --target production     NVIDIA's image, with its ONNX Runtime and TensorRT backends

ARG PYTHON_IMAGE=python:3.11.15-slim-bookworm@sha256:d29f48a31a8b408ed19272ca1e7b10ebae13b240a27e862d3d4217c528e2e0c3
ARG TRITON_IMAGE=nvcr.io/nvidia/tritonserver:26.08-py3@sha256:9185ba5b33d2c85c9204b208957b4bbfc6b2b89066efc9192e0f60c2ab58cec0

# --- repositories: from the artefacts to what each backend reads -------------------------------------------------------
FROM ${PYTHON_IMAGE} AS repositories

RUN python3 -m venv /opt/pip && python3 -m venv --without-pip /opt/venv

COPY infra/docker/layer.sh infra/requirements/shop-gateway.txt /build/
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=ca,target=/run/secrets/ca.pem \
    if [ -e /run/secrets/ca.pem ]; then export PIP_CERT=/run/secrets/ca.pem; fi \
 && /opt/pip/bin/pip --disable-pip-version-check --python /opt/venv/bin/python install \
      --no-compile --only-binary :all: --require-hashes --requirement /build/shop-gateway.txt

COPY shared/servekit /app/servekit
COPY 03-advanced-multimodel-kserve/shop /app/shop
COPY 03-advanced-multimodel-kserve/docker/write_repositories.py /build/
COPY .run/3/models /models
# Nothing looks at signatures after this: what is in the image was signed, where a key was given (SHOP_SIGNED_BY=… make image-3).
RUN --mount=type=secret,id=signed_by,target=/run/secrets/models.pub \
    if [ -e /run/secrets/models.pub ]; then export SHOP_SIGNED_BY=/run/secrets/models.pub; fi \
 && PYTHONPATH=/app /opt/venv/bin/python -B /build/write_repositories.py /models /repository \
 && sh /build/layer.sh /layers/embedded /repository/python && sh /build/layer.sh /layers/production /repository

# --- production: NVIDIA's image ----------------------------------------------------------------------------------------
FROM ${TRITON_IMAGE} AS production

COPY --from=repositories /layers/production/ /

ENV OMP_NUM_THREADS=1 \
    ORT_DISABLE_TELEMETRY=1

USER 10001:10001
EXPOSE 8000 8001 8002
STOPSIGNAL SIGTERM

HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python3", "-I", "-c", "import sys, http.client as h; c = h.HTTPConnection('127.0.0.1', 8000, timeout=2); c.request('GET', '/v2/health/ready'); sys.exit(c.getresponse().status != 200)"]

ENTRYPOINT ["tritonserver"]
CMD ["--model-repository=/repository/onnxruntime/all", "--model-control-mode=none", "--disable-auto-complete-config"]

ARG TRITON_IMAGE
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="shop-triton" \
      org.opencontainers.image.description="Triton with the shop's models for its ONNX Runtime and TensorRT backends" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${TRITON_IMAGE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# --- builder: the wheel's Triton ---------------------------------------------------------------------------------------
FROM ${PYTHON_IMAGE} AS builder

# Byte code depends on the seed and on what its process compiled before: one seed, one process, and none written on the way.
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONHASHSEED=0
RUN python3 -m venv /opt/pip && python3 -m venv --without-pip /opt/venv

COPY infra/docker/layer.sh infra/docker/trim.sh infra/requirements/shop-triton.txt /build/
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=ca,target=/run/secrets/ca.pem \
    if [ -e /run/secrets/ca.pem ]; then export PIP_CERT=/run/secrets/ca.pem; fi \
 && /opt/pip/bin/pip --disable-pip-version-check --python /opt/venv/bin/python install \
      --no-compile --no-deps --only-binary :all: --require-hashes --requirement /build/shop-triton.txt

# Of the wheel stay the server, its libraries, its Python backend and the stub for this Python. Where the base lacks a
# library, the build fails.
COPY 03-advanced-multimodel-kserve/docker/install-triton.sh 03-advanced-multimodel-kserve/docker/tritonserver.sh /build/
RUN sh /build/install-triton.sh /opt/venv /opt/tritonserver \
 && sh /build/trim.sh /opt/venv \
 && /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib \
 && sh /build/layer.sh /layers/environment /opt/venv /opt/tritonserver

# --- embedded: the base, that Triton, the repositories -----------------------------------------------------------------
FROM ${PYTHON_IMAGE} AS embedded

COPY --from=builder /layers/environment/ /
COPY --from=repositories /layers/embedded/ /

# The Python backend finds NumPy and ONNX Runtime through the python3 on PATH
ENV PATH=/opt/tritonserver/bin:/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    OMP_NUM_THREADS=1 \
    ORT_DISABLE_TELEMETRY=1 \
    TRITON_HTTP_PORT=8000 \
    TRITON_GRPC_PORT=8001 \
    TRITON_METRICS_PORT=8002

USER 10001:10001
EXPOSE 8000 8001 8002
STOPSIGNAL SIGTERM

HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python3", "-I", "-c", "import os, sys, http.client as h; c = h.HTTPConnection('127.0.0.1', int(os.environ['TRITON_HTTP_PORT']), timeout=2); c.request('GET', '/v2/health/ready'); sys.exit(c.getresponse().status != 200)"]

ENTRYPOINT ["tritonserver"]
CMD ["--model-repository=/repository/python/all", "--model-control-mode=none", "--disable-auto-complete-config"]

ARG PYTHON_IMAGE
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="shop-triton" \
      org.opencontainers.image.description="Triton's Python backend with the shop's models, for a CPU" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${PYTHON_IMAGE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
