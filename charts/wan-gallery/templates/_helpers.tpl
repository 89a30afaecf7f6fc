{{- define "wan-gallery.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "wan-gallery.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "wan-gallery.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "wan-gallery.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "wan-gallery.serviceAccountName" -}}
{{- default (include "wan-gallery.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{/* The labels that select the operator's pods: they never change between versions. */}}
{{- define "wan-gallery.selectorLabels" -}}
app.kubernetes.io/name: {{ include "wan-gallery.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "wan-gallery.labels" -}}
{{ include "wan-gallery.selectorLabels" . }}
app.kubernetes.io/part-of: wan-gallery
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* repository@digest, or repository:tag; takes (dict "image" IMAGE "context" $) */}}
{{- define "wan-gallery.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ default .context.Chart.AppVersion .image.tag }}
{{- end -}}
{{- end -}}

{{/* What the operator may do in a namespace that it works in. Secrets are created, never read. */}}
{{- define "wan-gallery.namespaceRules" -}}
- apiGroups: [wan.gallery]
  resources: [wandeployments, videojobs]
  verbs: [list, watch]
# A VideoJob is deleted at its own ttlSecondsAfterFinished and never otherwise; patched only in its finalizers.
- apiGroups: [wan.gallery]
  resources: [videojobs]
  verbs: [get, patch, delete]
- apiGroups: [wan.gallery]
  resources: [wandeployments/status, videojobs/status]
  verbs: [patch]
# Owner references with blockOwnerDeletion need this where OwnerReferencesPermissionEnforcement is on.
- apiGroups: [wan.gallery]
  resources: [wandeployments/finalizers, videojobs/finalizers]
  verbs: [update]
- apiGroups: [apps]
  resources: [deployments, controllerrevisions]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [get, list, watch, create, patch]
# patch: marks on pods that are drained.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, patch]
# The pictures that VideoJobs start from.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get]
- apiGroups: [""]
  resources: [secrets]
  verbs: [create]
# list: why the pod of a Job could not be made is only in an event.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [list, create, patch]
{{- end -}}

{{- define "wan-gallery.galleryRules" -}}
- apiGroups: [wan.gallery]
  resources: [gallerymodels]
  verbs: [list, watch]
- apiGroups: [wan.gallery]
  resources: [gallerymodels/status]
  verbs: [patch]
{{- end -}}
