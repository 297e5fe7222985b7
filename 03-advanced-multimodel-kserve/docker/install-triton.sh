# Takes Triton out of the wheel nvidia-pytriton, laid out as in NVIDIA's own image; the rest of the wheel goes.
#
#   install-triton.sh ENVIRONMENT TARGET     e.g. /opt/venv /opt/tritonserver
set -eu
environment=$1 target=$2

packages=$("$environment/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
minor=$("$environment/bin/python" -c 'import sys; print("{}.{}".format(*sys.version_info))')
server=$packages/pytriton/tritonserver

mkdir -p "$target/bin" "$target/libexec"
mv "$server/bin" "$target/libexec/bin"
mv "$server/backends" "$target/backends"
mv "$packages/nvidia_pytriton.libs" "$target/lib"
mv "$server/python_backend_stubs/$minor/triton_python_backend_stub" "$target/backends/python/"
install -m 755 "$(dirname "$0")/tritonserver.sh" "$target/bin/tritonserver"
rm -rf "$packages/pytriton" "$packages"/nvidia_pytriton-*.dist-info
chmod -R a+rX "$target"

for program in "$target/libexec/bin/tritonserver" "$target/backends/python/triton_python_backend_stub"; do
  lacking=$(LD_LIBRARY_PATH=$target/lib ldd "$program" | grep 'not found' || true)
  [ -z "$lacking" ] || { echo "$program: the base image lacks:" $lacking >&2; exit 1; }
done
