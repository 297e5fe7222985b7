# Writes Triton's model repositories: for each backend one with every version, "all", and one for each version alone.
#
#   write-repositories.sh MODELS REPOSITORIES     in a folder from which shop can be imported
#
# The sums beside each let whoever copies one see that it arrived whole.
set -eu
models=$1 repositories=$2
sets=$(mktemp -d)

ln -s "$models" "$sets/all"
for folder in "$models"/*/[0-9]*/; do
  version=$(basename "$folder")
  model=$(basename "$(dirname "$folder")")
  mkdir -p "$sets/$version/$model"
  ln -s "${folder%/}" "$sets/$version/$model/$version"
done

for backend in python onnxruntime tensorrt; do
  for set in "$sets"/*; do
    target=$repositories/$backend/$(basename "$set")
    mkdir -p "$target"
    python3 -m shop.serving.repository --backend "$backend" --models "$set" --out "$target"
    (cd "$target" && find . -type f ! -name SHA256SUMS -exec sha256sum {} + | sort -k 2 > /tmp/sums && mv /tmp/sums SHA256SUMS)
  done
done
rm -rf "$sets"
chmod -R a+rX "$repositories"
