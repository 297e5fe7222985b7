#!/bin/sh
# serve.sh PROGRAMS WORK PORT GRPC_PORT MANAGEMENT_PORT METRICS_PORT GRPC_MANAGEMENT_PORT packs the model with its handler
# and starts TorchServe on it.
set -eu
programs=$1 work=$2 port=$3 grpc=$4 management=$5 metrics=$6 grpc_management=$7
here=$(cd "$(dirname "$0")" && pwd)
export PATH="$programs:$PATH" LOG_LOCATION="$work/logs" METRICS_LOCATION="$work/logs"

# torch comes from Debian, built for the CPU; the wheel of PyPI brings gigabytes for a GPU. Nothing else is taken from there.
mkdir -p "$work/debian" "$work/store"
ln -sf /usr/lib/python3/dist-packages/torch "$work/debian/torch"
export PYTHONPATH="$work/debian"

cp "$IRIS_ONNX" "$work/model.onnx"
"$programs/torch-model-archiver" --model-name iris --version 1.0 --handler "$here/handler.py" \
  --extra-files "$work/model.onnx" --export-path "$work/store"
cat >"$work/config.properties" <<EOF
inference_address=http://127.0.0.1:$port
management_address=http://127.0.0.1:$management
metrics_address=http://127.0.0.1:$metrics
grpc_inference_port=$grpc
grpc_management_port=$grpc_management
async_logging=true
default_workers_per_model=1
netty_client_threads=1
number_of_netty_threads=1
EOF
cd "$work"
exec "$programs/python" -c 'import sys; from ts.model_server import start; sys.argv[0] = "torchserve"; start()' \
  --start --foreground --ncs --model-store "$work/store" --models iris=iris.mar --ts-config "$work/config.properties" \
  --log-config "$here/log4j2.xml"
