//go:build !wasip1

package random

import (
	crypto "crypto/rand"
	"fmt"
	"math/rand/v2"
)

func number() uint64 { return rand.Uint64() }

func bytes(length uint32) []byte {
	if length > 65_536 {
		panic(fmt.Sprintf("%d random bytes at once: at most 65,536", length))
	}
	out := make([]byte, length)
	crypto.Read(out)
	return out
}
