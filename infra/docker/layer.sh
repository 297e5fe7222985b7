# Lays out one layer of an image so that equal files give an equal layer, whenever and wherever it is built: one time for
# all of them, and rights that do not depend on the umask of a checkout.
#
#   layer.sh FOLDER PATH…     moves each absolute PATH into FOLDER, below which it keeps its place: FOLDER/opt/venv
#
# The time is 1980-01-01, the first day that a zip file can name. It is no commit's time, because a builder that finds files
# unchanged takes their layer from its cache with the times that they had: the next commit would give another layer on
# a machine with that cache than on one without.
set -eu
layer=$1
shift
for path; do
  mkdir -p "$layer$(dirname "$path")"
  mv "$path" "$layer$path"
done
chmod -R u=rwX,go=rX "$layer"
find "$layer" -exec touch --no-dereference --date=1980-01-01T00:00:00Z {} +
