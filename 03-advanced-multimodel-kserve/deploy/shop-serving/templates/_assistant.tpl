{{/* What both parts of the assistant are told: its gateway and its engine, which must agree. */}}

{{- define "shop.checkAssistant" -}}
{{- $engine := .Values.assistant.engine }}
{{- if include "shop.knative" . }}
{{- fail "assistant.enabled with rollout.strategy knative: expected another strategy: KServe routes an LLMInferenceService by the Gateway API" }}
{{- end }}
{{- if gt (add .Values.assistant.maxPromptTokens .Values.assistant.maxTokens | int) (int $engine.contextTokens) }}
{{- fail (printf "assistant.maxPromptTokens %d and maxTokens %d: expected at most engine.contextTokens %d together" (int .Values.assistant.maxPromptTokens) (int .Values.assistant.maxTokens) (int $engine.contextTokens)) }}
{{- end }}
{{- if lt (include "shop.kvTokens" . | int) (int $engine.contextTokens) }}
{{- fail (printf "assistant.engine.kvCacheGiB %d: has room for %s tokens, expected at least contextTokens %d" (int $engine.kvCacheGiB) (include "shop.kvTokens" .) (int $engine.contextTokens)) }}
{{- end }}
{{- end }}

{{/* Tokens for which the KV cache of one engine has room. */}}
{{- define "shop.kvTokens" -}}
{{ div (mul (int .Values.assistant.engine.kvCacheGiB) 1073741824) (int .Values.assistant.engine.kvBytesPerToken) }}
{{- end }}

{{/* The engine's host behind KServe's Gateway. */}}
{{- define "shop.engineHost" -}}
assistant-engine-{{ .Release.Namespace }}.{{ .Values.kserve.domain }}
{{- end }}

{{/* Selects the engine's pods, which KServe makes and labels so. */}}
{{- define "shop.engineSelector" -}}
matchLabels:
  app.kubernetes.io/name: assistant-engine
  app.kubernetes.io/part-of: llminferenceservice
  kserve.io/component: workload
{{- end }}

{{/*
The assistant's settings. Its own class says what each means; a test holds the names against that class. Each replica
counts for itself, so what all may do together is divided among them.
*/}}
{{- define "shop.assistantEnvironment" -}}
{{- $assistant := .Values.assistant -}}
{{- $replicas := int $assistant.replicas -}}
- name: ASSISTANT_HOST
  value: 0.0.0.0
- name: SHOP_ASSISTANT_PORT
  value: "8350"
- name: ASSISTANT_UPSTREAM
  value: "http://{{ .Values.kserve.address }}:{{ .Values.kserve.port }}"
- name: ASSISTANT_UPSTREAM_HOST
  value: {{ include "shop.engineHost" . | quote }}
- name: ASSISTANT_UPSTREAM_MODEL
  value: {{ $assistant.engine.model.name | quote }}
- name: ASSISTANT_UPSTREAM_REVISION
  value: {{ regexReplaceAll "^.*[:/]" $assistant.engine.model.uri "" | quote }}
- name: ASSISTANT_FEATURES_HOST
  value: features
- name: SHOP_FEATURES_PORT
  value: "6379"
- name: ASSISTANT_MAX_BODY_BYTES
  value: {{ int $assistant.maxBodyBytes | quote }}
- name: ASSISTANT_MAX_PROMPT_TOKENS
  value: {{ int $assistant.maxPromptTokens | quote }}
- name: ASSISTANT_MAX_TOKENS
  value: {{ int $assistant.maxTokens | quote }}
- name: ASSISTANT_ROOM_TOKENS
  value: {{ div (mul (include "shop.kvTokens" . | int) (int $assistant.engine.minReplicas)) $replicas | quote }}
- name: ASSISTANT_KEY_TOKENS
  value: {{ div (int $assistant.keyTokens) $replicas | quote }}
- name: ASSISTANT_FIRST_TOKEN_S
  value: {{ $assistant.firstTokenSeconds | quote }}
- name: ASSISTANT_PREFILL_RATE
  value: {{ $assistant.prefillRate | quote }}
- name: ASSISTANT_DRAIN_S
  value: {{ .Values.gateway.drainSeconds | quote }}
- name: ASSISTANT_DRAIN_TIMEOUT_S
  value: "60"
{{- with .Values.gateway.apiKeysSecret }}
# A variable, so changed keys count with the next rollout.
- name: SHOP_API_KEYS
  valueFrom:
    secretKeyRef:
      name: {{ . | quote }}
      key: keys
{{- end }}
{{- with .Values.tracing.endpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- end }}
