#!/bin/sh
# The wheel's Triton, called as NVIDIA's image calls its own, on the same ports unless the environment names others.
home=/opt/tritonserver
export LD_LIBRARY_PATH="$home/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
exec "$home/libexec/bin/tritonserver" --backend-directory="$home/backends" --http-port="${TRITON_HTTP_PORT:-8000}" \
  --grpc-port="${TRITON_GRPC_PORT:-8001}" --metrics-port="${TRITON_METRICS_PORT:-8002}" "$@"
