# Removes from an environment what no server loads: tests, headers, sources of extensions, and the parts of large packages
# that serving does not use. Each image's tests then run the rest.
#
#   trim.sh ENVIRONMENT     e.g. /opt/venv
set -eu
cd "$("$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"

find . -type d \( -name tests -o -name include \) -prune -exec rm -r {} +
find . -type f \( -name '*.pyx' -o -name '*.p[xy][id]' -o -name '*.[ch]' -o -name '*.[ch]pp' -o -name '*.a' \) -delete

# Arrow's RPC, its clients of object stores, its ORC and encrypted files; libarrow_python lies there under three names, of
# which the loader asks for one.
if [ -d pyarrow ]; then
  (cd pyarrow && rm -rf ./*flight* ./*s3* ./*_gcsfs* ./*_azurefs* ./*_hdfs* ./*_orc* ./*_encryption* ./*_cpp_tests* src \
    libarrow_python.so libarrow_python.so.*.*)
fi
# A second copy of the runtime, for programs in C; what makes models.
if [ -d onnxruntime ]; then
  (cd onnxruntime && rm -rf capi/libonnxruntime.so* transformers tools quantization datasets backend)
fi
if [ -d numpy ]; then rm -rf numpy/f2py numpy/distutils; fi
