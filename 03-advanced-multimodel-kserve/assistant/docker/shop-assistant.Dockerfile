# The assistant's gateway as an image: the shop's, which has all that it imports, and the assistant's own folders. Its engine
# is another image. The context is the repository's root: `make image-assistant` builds it, after `make image-3`.

ARG GATEWAY_IMAGE=shop-gateway:dev
FROM ${GATEWAY_IMAGE}

COPY 03-advanced-multimodel-kserve/shop/categories.py /app/shop/
COPY 03-advanced-multimodel-kserve/assistant/__init__.py 03-advanced-multimodel-kserve/assistant/__main__.py \
     03-advanced-multimodel-kserve/assistant/bootstrap.py 03-advanced-multimodel-kserve/assistant/settings.py \
     03-advanced-multimodel-kserve/assistant/weights.py /app/assistant/
COPY 03-advanced-multimodel-kserve/assistant/adapters /app/assistant/adapters
COPY 03-advanced-multimodel-kserve/assistant/domain /app/assistant/domain
COPY 03-advanced-multimodel-kserve/assistant/entrypoints /app/assistant/entrypoints
COPY 03-advanced-multimodel-kserve/assistant/service /app/assistant/service
# It fails the build, not the deployment, where something is missing.
RUN python -c "import assistant.__main__"

ENV ASSISTANT_HOST=0.0.0.0 \
    SHOP_ASSISTANT_PORT=8350
EXPOSE 8350

HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
    CMD ["python", "-I", "-c", "import os, sys, http.client as h; c = h.HTTPConnection('127.0.0.1', int(os.environ['SHOP_ASSISTANT_PORT']), timeout=2); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]

ENTRYPOINT ["python", "-m", "assistant"]

ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="shop-assistant" \
      org.opencontainers.image.description="The gateway of the shop's assistant: admission, budgets, facts and streams in front of a language model" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
