# Copies the model repositories of an image into the store, each set of versions whole or not at all.
#
#   publish.sh REPOSITORIES STORE     e.g. /repository /store/0.1.0
#
# A set that is there already with the same bytes stays, because servers may have it open. After the copy every file is checked
# against the checksums that the image's build wrote.
set -eu
repositories=$1 store=$2

sums=SHA256SUMS
for set in "$repositories"/*/*/; do
  set=${set%/}
  name=${set#"$repositories"/}
  target=$store/$name
  if cmp -s "$set/$sums" "$target/$sums"; then
    echo "$name: in the store already"
    continue
  fi
  partial=$store/.partial/$name
  rm -rf "$partial"
  mkdir -p "$partial" "${target%/*}"
  cp -R "$set/." "$partial/"
  (cd "$partial" && sha256sum --check --quiet "$sums")
  if [ -e "$target" ]; then # a development tag that was built again
    rm -rf "$partial.old"
    mv "$target" "$partial.old"
  fi
  mv "$partial" "$target"
  rm -rf "$partial.old"
  echo "$name: published"
done
rm -rf "$store/.partial"
