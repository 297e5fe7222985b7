# Waits until a set of versions lies whole in the store and, for TensorRT, until each engine of the model is built.
#
#   wait.sh SET MODEL ENGINE     e.g. /store/0.1.0/onnxruntime/1 ranking onnxruntime
set -eu
folder=$1 model=$2 engine=$3

complete() {
  [ -e "$folder/SHA256SUMS" ] && [ -e "$folder/$model/config.pbtxt" ] || return 1
  [ "$engine" = tensorrt ] || return 0
  for onnx in "$folder/$model"/*/model.onnx; do
    [ -e "${onnx%.onnx}.plan" ] || return 1
  done
}

until complete; do
  echo "$folder: $model is not complete yet"
  sleep "${WAIT_S:-5}"
done
echo "$folder: $model is complete"
