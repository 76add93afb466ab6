package millrace_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"millrace"
)

func bigOf(n millrace.Int128) *big.Int {
	value := new(big.Int).Lsh(big.NewInt(n.Hi), 64)
	return value.Add(value, new(big.Int).SetUint64(n.Lo))
}

func randomInt128(random *rand.Rand) millrace.Int128 {
	n := millrace.Int128{Lo: random.Uint64(), Hi: int64(random.Uint64())}
	switch random.IntN(4) {
	case 0:
		n.Hi >>= random.IntN(64)
	case 1:
		return millrace.Int128Of(int64(n.Lo) >> random.IntN(64))
	}
	return n
}

// Decimals are exact, so what is done with them has to be, too: math/big says what is right.
func TestInt128AgreesWithBigIntegers(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	modulus := new(big.Int).Lsh(big.NewInt(1), 128)
	wrapped := func(value *big.Int) *big.Int { return value.Mod(value, modulus) }
	for range 20_000 {
		a, b := randomInt128(random), randomInt128(random)
		x, y := bigOf(a), bigOf(b)
		if got := wrapped(bigOf(a.Add(b))); got.Cmp(wrapped(new(big.Int).Add(x, y))) != 0 {
			t.Fatalf("%s + %s = %s", a, b, got)
		}
		if got := wrapped(bigOf(a.Sub(b))); got.Cmp(wrapped(new(big.Int).Sub(x, y))) != 0 {
			t.Fatalf("%s - %s = %s", a, b, got)
		}
		if a.Cmp(b) != x.Cmp(y) || a.Sign() != x.Sign() || a.String() != x.String() {
			t.Fatalf("%s against %s", a, b)
		}
		if expected, _ := new(big.Float).SetInt(x).Float64(); a.Float64() != expected {
			t.Fatalf("%s is %v, and should be %v", a, a.Float64(), expected)
		}
	}
}

func TestFloatsBecomeInt128WithoutTheirFraction(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		value := math.Ldexp(random.Float64()*2-1, random.IntN(140)-10)
		exact, _ := new(big.Float).SetFloat64(value).Int(nil)
		if exact.BitLen() < 128 && bigOf(millrace.Int128OfFloat(value)).Cmp(exact) != 0 {
			t.Fatalf("%v is %s, and should be %s", value, millrace.Int128OfFloat(value), exact)
		}
	}
	for value, expected := range map[float64]millrace.Int128{
		math.Inf(1):  {Lo: math.MaxUint64, Hi: math.MaxInt64},
		math.Inf(-1): {Hi: math.MinInt64},
		1e300:        {Lo: math.MaxUint64, Hi: math.MaxInt64},
		-0.5:         {},
	} {
		if got := millrace.Int128OfFloat(value); got != expected {
			t.Errorf("%v is %s", value, got)
		}
	}
	if got := millrace.Int128OfFloat(math.NaN()); got != (millrace.Int128{}) {
		t.Errorf("what is no number is %s", got)
	}
}
