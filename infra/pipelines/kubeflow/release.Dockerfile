# What the tasks of release_pipeline.py run in: level 1's release, in a cluster. The context is the repository's root, and
# release.Dockerfile.dockerignore says what may enter; `make image-release` builds it.

ARG PYTHON_IMAGE=python:3.11.15-slim-bookworm@sha256:d29f48a31a8b408ed19272ca1e7b10ebae13b240a27e862d3d4217c528e2e0c3

FROM ${PYTHON_IMAGE} AS builder

RUN python3 -m venv /opt/pip
# Byte code depends on the seed and on what its process compiled before: one seed, one process, and none written on the way.
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONHASHSEED=0

# Two environments, as on any machine: Kubeflow's own, whose Python starts a task, and that of the steps.
COPY infra/docker/layer.sh infra/requirements/release.txt infra/requirements/kubeflow.txt /build/
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=ca,target=/run/secrets/ca.pem \
    if [ -e /run/secrets/ca.pem ]; then export PIP_CERT=/run/secrets/ca.pem; fi \
 && for each in release kubeflow; do \
      python3 -m venv --without-pip /opt/$each \
   && /opt/pip/bin/pip --disable-pip-version-check --python /opt/$each/bin/python install \
        --no-compile --prefer-binary --require-hashes --requirement /build/$each.txt \
   && /opt/$each/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/$each/lib || exit 1; \
    done \
 && sh /build/layer.sh /layers/environments /opt/release /opt/kubeflow

COPY versions.toml /app/
COPY shared/servekit /app/shared/servekit
COPY shared/workbench /app/shared/workbench
COPY infra/requirements/main.txt /app/infra/requirements/
COPY infra/pipelines/release /app/infra/pipelines/release
COPY infra/pipelines/kubeflow/release_pipeline.py /app/infra/pipelines/kubeflow/
COPY 01-beginner-iris-api/sla.toml /app/01-beginner-iris-api/
COPY 01-beginner-iris-api/iris_api /app/01-beginner-iris-api/iris_api
# A task writes where it is, and Kubeflow's launcher below a folder for each kind of store.
RUN /layers/environments/opt/release/bin/python -m compileall -q --invalidation-mode unchecked-hash /app \
 && mkdir -p /layers/places/work /layers/places/gcs /layers/places/minio /layers/places/s3 \
 && sh /build/layer.sh /layers/code /app && sh /build/layer.sh /layers/places

FROM ${PYTHON_IMAGE}

COPY --from=builder /layers/environments/ /
COPY --from=builder /layers/code/ /
COPY --from=builder --chown=10001:10001 /layers/places/ /

ARG REVISION=unknown
ENV PATH=/opt/kubeflow/bin:$PATH \
    PYTHONPATH=/app/shared:/app/01-beginner-iris-api:/app/infra/pipelines \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/work \
    ORT_DISABLE_TELEMETRY=1 \
    RELEASE_PYTHON=/opt/release/bin/python \
    RELEASE_COMMIT=${REVISION}

# A number, because Kubernetes' runAsNonRoot cannot look up a name
USER 10001:10001
WORKDIR /work

ARG PYTHON_IMAGE
ARG VERSION=dev
LABEL org.opencontainers.image.title="release" \
      org.opencontainers.image.description="The tasks of level 1's release for Kubeflow Pipelines" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${PYTHON_IMAGE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
