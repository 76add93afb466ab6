// Package random gives random numbers; the step needs grant = ["random"]. (In a component, those of
// math/rand and crypto/rand are the same in every instance.)
//
// Output that depends on them may differ when a row comes again after a failure. Where the pipeline
// says `deterministic`, they follow from its seed and from the rows of the call.
package random

// Number is a random number, each of them as likely as any other.
func Number() uint64 { return number() }

// Bytes are so many random bytes, at most 65,536. More is a trap.
func Bytes(length uint32) []byte { return bytes(length) }

// Fraction is a random number from 0 to 1, which is not reached.
func Fraction() float64 { return float64(number()>>11) / (1 << 53) }
