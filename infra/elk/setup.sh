#!/usr/bin/env bash
# Loads the index template and the saved dashboard, as often as one likes: what is there is replaced.
set -euo pipefail
elasticsearch=${ELASTICSEARCH_URL:-http://elasticsearch:9200} kibana=${KIBANA_URL:-http://kibana:5601}
patient=(--fail --silent --show-error --retry 60 --retry-delay 5 --retry-all-errors)

curl "${patient[@]}" --request PUT "$elasticsearch/_index_template/logs-serving" \
  --header 'content-type: application/json' --data-binary @/setup/index-template.json

# Kibana answers 200 whatever became of the objects; the body says it.
curl "${patient[@]}" --request POST "$kibana/api/saved_objects/_import?overwrite=true" \
  --header 'kbn-xsrf: setup' --form file=@/setup/kibana.ndjson | tee /dev/stderr | grep --quiet '"success":true'
