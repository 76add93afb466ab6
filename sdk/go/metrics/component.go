//go:build wasip1

package metrics

import "millrace/internal/wit/imports/millrace_plugin_metrics"

func count(name string, amount uint64) { millrace_plugin_metrics.Count(name, amount) }

func gauge(name string, value float64) { millrace_plugin_metrics.Gauge(name, value) }
