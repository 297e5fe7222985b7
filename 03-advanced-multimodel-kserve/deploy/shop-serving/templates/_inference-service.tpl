{{/* What values.schema.json cannot say of a model, because it compares two values. */}}
{{- define "shop.checkModel" -}}
{{- $spec := .spec }}
{{- if gt (int $spec.minReplicas) (int $spec.maxReplicas) }}
{{- fail (printf "models.%s.minReplicas %v: expected at most maxReplicas, %v" .model $spec.minReplicas $spec.maxReplicas) }}
{{- end }}
{{- if gt (int $spec.candidateReplicas) (int $spec.minReplicas) }}
{{- fail (printf "models.%s.candidateReplicas %v: expected at most minReplicas, %v: KServe refuses more" .model $spec.candidateReplicas $spec.minReplicas) }}
{{- end }}
{{- if and .root.Release.IsInstall (include "shop.knative" .root) (gt (int $spec.weight) 0) }}
{{- fail (printf "models.%s.weight %v: expected 0 in the first installation: Knative has no earlier revision yet and would send version %s everything; set the weight with helm upgrade (helm template: --is-upgrade)" .model $spec.weight $spec.candidate) }}
{{- end }}
{{- if eq $spec.stable $spec.candidate }}
{{- fail (printf "models.%s.candidate %s: expected another version than stable" .model $spec.candidate) }}
{{- end }}
{{- end }}

{{/*
The candidate's servers: as its share of the traffic asks for, of the number that the stable version never goes below. At 100 %
it has them all, so that a promotion finds as many servers as it needs. Call with a model's spec.
*/}}
{{- define "shop.candidateReplicas" -}}
{{- max (int .candidateReplicas) (int (ceil (divf (mul (int .minReplicas) (int .weight)) 100))) -}}
{{- end }}

{{/* One InferenceService; call with root, name, model, spec, versions and, where they apply, predictor and candidate. */}}
{{- define "shop.inferenceService" }}
{{- $knative := include "shop.knative" .root }}
{{- $scaled := and .root.Values.autoscaling.enabled (not $knative) (not .candidate) }}
---
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {{ .name | quote }}
  namespace: {{ .root.Release.Namespace | quote }}
  labels: {{- include "shop.labels" . | nindent 4 }}
  annotations:
    serving.kserve.io/deploymentMode: {{ ternary "Knative" "Standard" (eq $knative "true") | quote }}
    {{- if not $knative }}
    serving.kserve.io/autoscalerClass: {{ ternary "keda" "none" $scaled | quote }}
    {{- end }}
spec:
  predictor:
    {{- with .predictor }}
    # The pods are named by version: to make the candidate stable, KServe moves this name. With autoscaling it also replaces
    # the pods, one at a time: their template names the autoscaler, and a canary cannot have one.
    name: {{ . | quote }}
    {{- end }}
    {{- if .candidate }}
    minReplicas: {{ include "shop.candidateReplicas" .spec }}
    maxReplicas: {{ include "shop.candidateReplicas" .spec }}
    {{- else }}
    minReplicas: {{ .spec.minReplicas }}
    maxReplicas: {{ ternary .spec.maxReplicas .spec.minReplicas (or $scaled (eq $knative "true")) }}
    {{- end }}
    {{- if $knative }}
    scaleMetric: rps
    scaleTarget: {{ .spec.requestsPerSecond }}
    {{- if gt (int .spec.weight) 0 }}
    # The rest goes to the revision that was ready before this one.
    canaryTrafficPercent: {{ .spec.weight }}
    {{- end }}
    {{- else }}
    deploymentStrategy:
      type: RollingUpdate
      rollingUpdate:
        maxSurge: 1
        maxUnavailable: 0
    {{- end }}
    {{- include "shop.predictorPod" . | nindent 4 }}
    model: {{- include "shop.predictorModel" . | nindent 6 }}
    {{- if $scaled }}
    autoScaling: {{- include "shop.autoScaling" . | nindent 6 }}
    {{- end }}
  {{- if and .predictor (gt (int .spec.weight) 0) }}
  {{- $candidate := merge (dict "versions" .spec.candidate) . }}
  canary:
    - trafficPercent: {{ .spec.weight }}
      predictor:
        name: v{{ .spec.candidate }}
        annotations:
          # Otherwise KServe makes a ScaledObject without triggers for it, which the API server refuses.
          serving.kserve.io/autoscalerClass: none
        # No other field of scaling: KServe refuses them here.
        minReplicas: {{ include "shop.candidateReplicas" .spec }}
        {{- include "shop.predictorPod" $candidate | nindent 8 }}
        model: {{- include "shop.predictorModel" $candidate | nindent 10 }}
  {{- end }}
{{- end }}
