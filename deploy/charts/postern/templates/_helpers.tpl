{{- define "postern.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "postern.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "postern.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "postern.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "postern.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{/* Cluster-scoped objects carry the namespace in their name, so that two releases of one name do not meet. */}}
{{- define "postern.clusterName" -}}
{{- printf "%s-%s" (include "postern.fullname" .) (include "postern.namespace" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "postern.selectorLabels" -}}
app.kubernetes.io/name: {{ include "postern.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}-{{ include "postern.namespace" . }}
{{- end -}}

{{- define "postern.labels" -}}
{{ include "postern.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "postern.serviceAccount" -}}
{{- default (include "postern.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{/* Tenants' own installations carry the namespace in the name of the class, so that two releases of one name do not meet. */}}
{{- define "postern.ingressClass" -}}
{{- $made := ternary (include "postern.clusterName" .) (include "postern.fullname" .) (eq (include "postern.scope" .) "tenants") -}}
{{- coalesce .Values.ingressClass.name .Values.providers.kubernetesIngress.ingressClass $made -}}
{{- end -}}

{{- define "postern.image" -}}
{{- $name := printf "%s/%s" .Values.image.registry .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $name .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The namespaces that are read, as a JSON list; empty: all. */}}
{{- define "postern.namespaces" -}}
{{- concat .Values.providers.kubernetesIngress.namespaces .Values.providers.kubernetesCRD.namespaces | uniq | sortAlpha | toJson -}}
{{- end -}}

{{- define "postern.scope" -}}
{{- $listed := include "postern.namespaces" . | fromJsonArray -}}
{{- $scope := default (ternary "tenants" "cluster" (gt (len $listed) 0)) .Values.scope -}}
{{- if and (eq $scope "tenants") (not $listed) -}}
{{- fail "scope: tenants needs the tenants' namespaces in providers.kubernetesIngress.namespaces" -}}
{{- end -}}
{{- $scope -}}
{{- end -}}
