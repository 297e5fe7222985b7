{{/* Names, labels and the security context that every pod of the chart shares. */}}

{{- define "shop.labels" -}}
app.kubernetes.io/name: {{ .name | quote }}
{{ include "shop.partOf" .root }}
{{- end }}

{{- define "shop.partOf" -}}
app.kubernetes.io/part-of: shop
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- with .Values.region.name }}
shop.example.com/region: {{ . | quote }}
{{- end }}
{{- end }}

{{- define "shop.image" -}}
{{- if eq .tag "latest" }}{{ fail (printf "image %s tag latest: expected a pinned tag" .repository) }}{{ end -}}
{{ .repository }}:{{ .tag }}
{{- end }}

{{- define "shop.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "shop.containerSecurity" -}}
readOnlyRootFilesystem: true
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
{{- end }}

{{/* A store's users, for Valkey's command line; call with store, root. */}}
{{- define "shop.usersArgs" -}}
{{- if .root.Values.stores.loginsSecret }}, --aclfile, /logins/{{ .store }}.acl{{ end }}
{{- end }}

{{/* A volume with files of the Secret of logins; call with files, root. */}}
{{- define "shop.loginsVolume" -}}
{{- with .root.Values.stores.loginsSecret }}
- name: logins-{{ $.of }}
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
    items:
      {{- range $.files }}
      - {key: {{ . | quote }}, path: {{ . | quote }}}
      {{- end }}
{{- end }}
{{- end }}

{{/* Where a process of ours looks for its own login, or where Valkey has its users; call with of, path, root. */}}
{{- define "shop.loginsMount" -}}
{{- if .root.Values.stores.loginsSecret }}
- name: logins-{{ .of }}
  mountPath: {{ .path | quote }}
  readOnly: true
{{- end }}
{{- end }}

{{/* How a probe asks Valkey, as the user that may ask that; call with store, user, command, root. */}}
{{- define "shop.askValkey" -}}
{{- if .root.Values.stores.loginsSecret -}}
{ printf "auth {{ .user }} "; cat /logins/{{ .store }}-{{ .user }}; printf "\n{{ .command }}\n"; } | valkey-cli | tail -n 1
{{- else -}}
valkey-cli {{ .command }}
{{- end }}
{{- end }}

{{/* What all pods have in common; call with name, root. */}}
{{- define "shop.pod" -}}
serviceAccountName: {{ .name | quote }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
securityContext: {{- include "shop.podSecurity" . | nindent 2 }}
{{- end }}

{{/* Losing a zone or a node must not lose the service. ScheduleAnyway: an uneven pod serves, a pending one does not. */}}
{{- define "shop.spread" -}}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ . | quote }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- toYaml $.labels | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}

{{/* What the traffic is answered by: whatever changes the models' answers changes it, and with it the keys of the cache. */}}
{{- define "shop.release" -}}
{{- $versions := dict "image" .Values.images.triton.tag "engine" .Values.triton.engine }}
{{- range $name, $model := .Values.models }}
{{- $_ := set $versions $name (list $model.stable $model.candidate $model.weight) }}
{{- end }}
{{- $versions | toJson | sha256sum | trunc 12 }}
{{- end }}

{{/* A model's host behind KServe's Gateway; call with name, root. */}}
{{- define "shop.host" -}}
{{- $namespace := .root.Release.Namespace -}}
{{- if eq .root.Values.rollout.strategy "knative" -}}
{{ .name }}-predictor.{{ $namespace }}.svc.cluster.local
{{- else if eq .root.Values.rollout.strategy "route" -}}
{{ .name }}-route-{{ $namespace }}.{{ .root.Values.kserve.domain }}
{{- else -}}
{{ .name }}-{{ $namespace }}.{{ .root.Values.kserve.domain }}
{{- end }}
{{- end }}

{{/* The models of an image in the store: a folder for each tag, with the first digits of a digest where there is one. */}}
{{- define "shop.modelsOf" -}}
{{ regexReplaceAll "@sha256:([0-9a-f]{12})[0-9a-f]*$" .Values.images.triton.tag "-${1}" }}
{{- end }}

{{/* Where a server finds its repository in the store: a folder for each image, engine and set of versions. */}}
{{- define "shop.set" -}}
{{ include "shop.modelsOf" .root }}/{{ .root.Values.triton.engine }}/{{ .versions }}
{{- end }}

{{/* Whether KServe runs the models in Knative mode. */}}
{{- define "shop.knative" -}}
{{- if eq .Values.rollout.strategy "knative" }}true{{ end }}
{{- end }}

{{/* Selects the pods of the models' servers, which KServe makes. */}}
{{- define "shop.serverSelector" -}}
matchExpressions:
  - key: serving.kserve.io/inferenceservice
    operator: Exists
{{- end }}
