{{- define "logmux.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "logmux.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "logmux.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "logmux.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "logmux.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "logmux.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* What finds the pods of this release, and nothing else. It can never change. */}}
{{- define "logmux.selectorLabels" -}}
app.kubernetes.io/name: {{ include "logmux.name" . }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: logmux
{{- end -}}

{{/* The labels of every object but its component's: those of OpenFaaS' charts, and those that Kubernetes recommends. */}}
{{- define "logmux.commonLabels" -}}
app: {{ include "logmux.name" . }}
chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
heritage: {{ .Release.Service }}
release: {{ .Release.Name | quote }}
app.kubernetes.io/name: {{ include "logmux.name" . }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: openfaas
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "logmux.labels" -}}
{{ include "logmux.commonLabels" . }}
component: logmux
app.kubernetes.io/component: logmux
{{- end -}}

{{/* config.yaml, with the spill volume in it. */}}
{{- define "logmux.config" -}}
{{- $own := dict "query" (dict "spill_dir" (dig "query" "spill_dir" "" .Values.config | default "/spill")) -}}
{{- toYaml (mustMergeOverwrite (deepCopy .Values.config) $own) -}}
{{- end -}}

{{/* The server section of the config, or nothing of it where the config is not ours. */}}
{{- define "logmux.server" -}}
{{- if include "logmux.existing" . -}}
{{- toYaml dict -}}
{{- else -}}
{{- toYaml (dig "server" dict .Values.config) -}}
{{- end -}}
{{- end -}}

{{- define "logmux.existing" -}}
{{- if and .Values.existingConfig.configMap .Values.existingConfig.secret -}}
{{- fail "existingConfig.configMap and existingConfig.secret are both set: at most one of them can hold config.yaml" -}}
{{- end -}}
{{- or .Values.existingConfig.configMap .Values.existingConfig.secret -}}
{{- end -}}

{{- define "logmux.scheme" -}}
{{- $certificate := dig "tls" "cert_file" "" (include "logmux.server" . | fromYaml) -}}
{{- ternary "https" "http" (or (not (empty $certificate)) (and (not (empty (include "logmux.existing" .))) .Values.existingConfig.tls)) -}}
{{- end -}}

{{/* Where the gateway finds logmux. */}}
{{- define "logmux.url" -}}
{{ include "logmux.scheme" . }}://{{ include "logmux.fullname" . }}.{{ .Release.Namespace }}:{{ .Values.service.port }}/
{{- end -}}

{{/* A probe: dict "root" $ "path" "/healthz" "with" .Values.startupProbe */}}
{{- define "logmux.probe" -}}
{{- $probe := dict -}}
{{- if or (hasKey .with "httpGet") (hasKey .with "tcpSocket") (hasKey .with "exec") (hasKey .with "grpc") -}}
{{- else if dig "tls" "client_ca_file" "" (include "logmux.server" .root | fromYaml) -}}
{{- /* The kubelet has no certificate to show. */ -}}
{{- $_ := set $probe "tcpSocket" (dict "port" "http") -}}
{{- else -}}
{{- $_ := set $probe "httpGet" (dict "path" .path "port" "http" "scheme" (include "logmux.scheme" .root | upper)) -}}
{{- end -}}
{{- toYaml (mustMerge $probe .with) -}}
{{- end -}}

{{/* The seconds of a duration such as 15s or 1m30s, rounded up. */}}
{{- define "logmux.seconds" -}}
{{- $units := dict "h" 3600.0 "m" 60.0 "s" 1.0 "ms" 0.001 "us" 0.000001 "µs" 0.000001 "ns" 0.000000001 -}}
{{- $total := 0.0 -}}
{{- range regexFindAll "[0-9]*[.]?[0-9]+(ms|us|µs|ns|h|m|s)" (toString .) -1 -}}
{{- $number := regexFind "^[0-9.]+" . -}}
{{- $total = addf $total (mulf (float64 $number) (get $units (trimPrefix $number .))) -}}
{{- end -}}
{{- ceil $total | int -}}
{{- end -}}

{{/* The sleep before SIGTERM; 0 where Kubernetes has no such action. */}}
{{- define "logmux.preStop" -}}
{{- ternary (int .Values.preStopSleepSeconds) 0 (semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version) -}}
{{- end -}}

{{- define "logmux.gracePeriod" -}}
{{- $timeout := dig "shutdown_timeout" "15s" (include "logmux.server" . | fromYaml) -}}
{{- $needed := add (include "logmux.preStop" . | int) (include "logmux.seconds" $timeout | int) -}}
{{- $given := int .Values.terminationGracePeriodSeconds -}}
{{- if and $given (le $given (int $needed)) -}}
{{- fail (printf "terminationGracePeriodSeconds is %d, and must be more than preStopSleepSeconds and config.server.shutdown_timeout, which take %d" $given $needed) -}}
{{- end -}}
{{- default (add $needed 10) $given -}}
{{- end -}}

{{/* What cannot work is told before anything is installed. */}}
{{- define "logmux.check" -}}
{{- $listen := dig "listen" "" (include "logmux.server" . | fromYaml) -}}
{{- if and $listen (not (regexMatch "^(0\\.0\\.0\\.0|\\[::\\])?:9195$" $listen)) -}}
{{- fail (printf "config.server.listen is %s: leave it out, the pods are asked on port 9195 of their own address" $listen) -}}
{{- end -}}
{{- end -}}

{{/* Whether there is ever more than one pod. */}}
{{- define "logmux.several" -}}
{{- if gt (int (ternary .Values.autoscaling.minReplicas .Values.replicas .Values.autoscaling.enabled)) 1 }}true{{ end -}}
{{- end -}}
