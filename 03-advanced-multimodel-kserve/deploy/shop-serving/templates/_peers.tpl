{{/* Who the policies let in or out to. */}}

{{/* Envoy Gateway's proxies: those of the edge, and those of KServe's Gateway. */}}
{{- define "shop.envoyPeer" -}}
- namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: envoy-gateway-system
  podSelector:
    matchLabels:
      app.kubernetes.io/managed-by: envoy-gateway
{{- end }}

{{/* Whoever splits the models' traffic. */}}
{{- define "shop.modelsPeer" -}}
{{- if include "shop.knative" . }}
- namespaceSelector:
    matchExpressions:
      - {key: kubernetes.io/metadata.name, operator: In, values: [istio-system, knative-serving]}
{{- else }}
{{- include "shop.envoyPeer" . }}
{{- end }}
{{- end }}

{{/* Prometheus in the namespace "monitoring", kube-prometheus' labels. */}}
{{- define "shop.prometheusPeer" -}}
- namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: monitoring
  podSelector:
    matchLabels:
      app.kubernetes.io/name: prometheus
{{- end }}

{{- define "shop.dnsEgress" -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: kube-system
      podSelector:
        matchLabels:
          k8s-app: kube-dns
  ports:
    - port: 53
      protocol: UDP
    - port: 53
      protocol: TCP
{{- end }}

{{/* To whoever collects traces, where they are sent. */}}
{{- define "shop.tracingEgress" -}}
{{- if .Values.tracing.endpoint -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: monitoring
      podSelector:
        matchLabels:
          app.kubernetes.io/name: jaeger
  ports:
    - port: otlp-http
{{- end }}
{{- end }}
