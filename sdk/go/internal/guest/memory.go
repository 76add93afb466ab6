//go:build wasip1

package guest

import "runtime/debug"

// memoryLimit is where the collector begins to work harder, well below what an instance may have
// unless the pipeline says otherwise (64 MiB): Go does not survive a memory that can't grow.
const memoryLimit = 40 << 20

func init() { debug.SetMemoryLimit(memoryLimit) }
