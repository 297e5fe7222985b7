#!/usr/bin/env bash
# Loads the index template and the saved dashboard, and replaces those that are there; it may run again.
set -euo pipefail
elasticsearch=${ELASTICSEARCH_URL:-http://elasticsearch:9200} kibana=${KIBANA_URL:-http://kibana:5601}
patient=(--fail --silent --show-error --retry 60 --retry-delay 5 --retry-all-errors)

curl "${patient[@]}" --request PUT "$elasticsearch/_index_template/logs-serving" \
  --header 'content-type: application/json' --data-binary @/setup/index-template.json

# Kibana answers 200 even if it refused objects; the body says what happened.
curl "${patient[@]}" --request POST "$kibana/api/saved_objects/_import?overwrite=true" \
  --header 'kbn-xsrf: setup' --form file=@/setup/kibana.ndjson | tee /dev/stderr | grep --quiet '"success":true'
