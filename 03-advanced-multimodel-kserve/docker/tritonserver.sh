#!/bin/sh
# The wheel's Triton, called as NVIDIA's image calls its own.
home=/opt/tritonserver
export LD_LIBRARY_PATH="$home/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
exec "$home/libexec/bin/tritonserver" --backend-directory="$home/backends" "$@"
