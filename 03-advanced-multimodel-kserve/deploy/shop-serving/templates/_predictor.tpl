{{/* What KServe is told about the servers of some versions of a model; call with root, model (its name), spec, versions. */}}
{{- define "shop.predictorModel" -}}
modelFormat:
  name: triton
  version: "2"
runtime: shop-triton
protocolVersion: v2
# Empty on purpose: KServe's schema requires a name for the container, and KServe then sets its own.
name: ""
# The parent of the models' folders, and the one of them that is served.
storageUri: pvc://models/{{ include "shop.set" . }}
env:
  - name: SHOP_MODEL
    value: {{ .model | quote }}
resources:
  requests: {{- toYaml .spec.resources.requests | nindent 4 }}
    {{- with .root.Values.triton.gpus }}
    nvidia.com/gpu: {{ . | quote }}
    {{- end }}
  limits: {{- toYaml .spec.resources.limits | nindent 4 }}
    {{- with .root.Values.triton.gpus }}
    nvidia.com/gpu: {{ . | quote }}
    {{- end }}
{{- end }}

{{/* The pods of a model's servers. */}}
{{- define "shop.predictorPod" -}}
serviceAccountName: models
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
securityContext: {{- include "shop.podSecurity" . | nindent 2 }}
terminationGracePeriodSeconds: {{ .root.Values.triton.gracePeriodSeconds }}
{{- with .root.Values.priorityClasses.serving }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .root.Values.triton.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.triton.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .root.Values.topologySpread.enabled }}
{{- include "shop.spread" (dict "labels" (dict "serving.kserve.io/inferenceservice" .name)) | nindent 0 }}
{{- end }}
initContainers:
  # The kubelet would make an empty folder of one that is not published yet.
  - name: wait-for-models
    image: {{ include "shop.image" .root.Values.images.triton | quote }}
    imagePullPolicy: {{ .root.Values.images.pullPolicy | quote }}
    command: [sh, /scripts/wait.sh, "/store/{{ include "shop.set" . }}", {{ .model }}, {{ .root.Values.triton.engine }}]
    securityContext: {{- include "shop.containerSecurity" . | nindent 6 }}
    resources:
      requests: {cpu: 10m, memory: 16Mi}
      limits: {cpu: 100m, memory: 64Mi}
    volumeMounts:
      - name: store
        mountPath: /store
        readOnly: true
      - name: scripts
        mountPath: /scripts
        readOnly: true
volumes:
  - name: store
    persistentVolumeClaim:
      claimName: models
      readOnly: true
  - name: scripts
    configMap:
      name: model-store
{{- end }}

{{/*
Scaling by KEDA. Each value is divided by what one server may have of it, so it has to be a sum over the servers: an
average would ask for the same number of servers however many there are.
*/}}
{{- define "shop.autoScaling" -}}
{{- $pods := printf "namespace=\"%s\",pod=~\"%s-.*predictor-.*\"" .root.Release.Namespace .name -}}
{{- $scaling := .root.Values.autoscaling -}}
metrics:
  # Requests a second.
  - type: External
    external:
      metric:
        backend: prometheus
        serverAddress: {{ $scaling.prometheus | quote }}
        query: sum(rate(nv_inference_request_success{ {{- $pods -}} }[1m]))
      target:
        type: Value
        value: {{ .spec.requestsPerSecond | quote }}
  # Requests that wait in the servers' queues: seconds of waiting in a second (Little's law).
  - type: External
    external:
      metric:
        backend: prometheus
        serverAddress: {{ $scaling.prometheus | quote }}
        query: sum(rate(nv_inference_queue_duration_us{ {{- $pods -}} }[1m])) / 1e6
      target:
        type: Value
        value: {{ $scaling.waitingRequests | quote }}
  {{- if .root.Values.triton.gpus }}
  # GPUs' worth of work. Triton says 0 to 1; DCGM's DCGM_FI_DEV_GPU_UTIL would be 0 to 100.
  - type: External
    external:
      metric:
        backend: prometheus
        serverAddress: {{ $scaling.prometheus | quote }}
        query: sum(nv_gpu_utilization{ {{- $pods -}} })
      target:
        type: Value
        value: {{ $scaling.gpuUtilisation | quote }}
  {{- end }}
behavior:
  scaleUp:
    stabilizationWindowSeconds: 0
  scaleDown:
    stabilizationWindowSeconds: {{ $scaling.scaleDownSeconds }}
{{- end }}
