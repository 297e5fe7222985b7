{{/* The gateway's settings. Its own class says what each means; a test holds the names against that class. */}}
{{- define "shop.gatewayEnvironment" -}}
{{- $hosts := dict }}
{{- $versions := dict }}
{{- range $name, $model := .Values.models }}
{{- $_ := set $hosts $name (include "shop.host" (dict "name" $name "root" $)) }}
{{- $_ := set $versions $name $model.stable }}
{{- end -}}
- name: SHOP_HOST
  value: 0.0.0.0
- name: SHOP_GATEWAY_PORT
  value: "8310"
- name: SHOP_TRITON_HOST
  value: {{ .Values.kserve.address | quote }}
- name: SHOP_TRITON_HTTP_PORT
  value: {{ .Values.kserve.port | quote }}
- name: SHOP_TRITON_HOSTS
  value: {{ $hosts | toJson | quote }}
- name: SHOP_FEATURES_HOST
  value: features
- name: SHOP_FEATURES_PORT
  value: "6379"
- name: SHOP_CACHE_HOST
  value: cache
- name: SHOP_CACHE_PORT
  value: "6379"
- name: SHOP_DEADLINE_MS
  value: {{ .Values.gateway.deadlineMs | quote }}
- name: SHOP_VERSION_CHOICE
  value: {{ ternary "edge" "server" (eq .Values.rollout.strategy "edge") | quote }}
# Whose answer a fallback counts as: after a promotion, the new stable version's.
- name: SHOP_MODEL_VERSIONS
  value: {{ $versions | toJson | quote }}
- name: SHOP_RELEASE
  value: {{ include "shop.release" . | quote }}
- name: SHOP_DRAIN_S
  value: {{ .Values.gateway.drainSeconds | quote }}
- name: SHOP_DRAIN_TIMEOUT_S
  value: {{ .Values.gateway.drainTimeoutSeconds | quote }}
- name: SHOP_MAX_BODY_BYTES
  value: {{ int .Values.edge.maxBodyBytes | quote }}
- name: SHOP_MAX_TENSOR_BYTES
  value: {{ int .Values.edge.maxTensorBytes | quote }}
{{- with .Values.gateway.shards }}
- name: SHOP_SHARDS
  value: {{ . | quote }}
{{- end }}
{{- if .Values.gateway.audit.enabled }}
# A log keeps its key: with another Secret a new log begins, beside the old one.
- name: AUDIT_DIR
  value: /audit/{{ .Values.gateway.audit.keySecret | default "plain" }}
{{- with .Values.gateway.audit.keySecret }}
- name: AUDIT_KEY
  valueFrom:
    secretKeyRef:
      name: {{ . | quote }}
      key: key
{{- end }}
{{- end }}
{{- if .Values.gateway.apiKeysSecret }}
# A file, because it follows the Secret: keys can be changed without a rollout.
- name: SHOP_API_KEYS_FILE
  value: /keys/keys
{{- end }}
{{- with .Values.tracing.endpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- end }}
