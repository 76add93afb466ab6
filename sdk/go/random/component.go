//go:build wasip1

package random

import "millrace/internal/wit/imports/millrace_plugin_random"

func number() uint64 { return millrace_plugin_random.Number() }

func bytes(length uint32) []byte { return millrace_plugin_random.Bytes(length) }
