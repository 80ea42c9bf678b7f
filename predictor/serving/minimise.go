package serving

import "math"

// minimise moves the constants named by of, in logarithms, one after the other,
// as long as loss falls: each has a step of its own that grows where it helps
// and shrinks where it does not (pattern search after Hooke and Jeeves, 1961).
// It stops after rounds evaluations or when no step is worth taking. It needs
// no derivatives, which the minima and caps of the physics do not have.
func minimise(k Constants, of func(*Constants) []*float64, rounds int, loss func(*Constants) float64) Constants {
	fields := of(&k)
	steps := make([]float64, len(fields))
	for i := range steps {
		steps[i] = 0.25
	}
	best := loss(&k)
	for n := 1; n < rounds; {
		moved := false
		for i, f := range fields {
			if math.Abs(steps[i]) < 0.005 {
				continue
			}
			moved = true
			old := *f
			try := func(step float64) bool {
				*f = old * math.Exp(step)
				n++
				if l := loss(&k); l < best-1e-9 {
					best, steps[i] = l, 1.5*step
					return true
				}
				*f = old
				return false
			}
			if !try(steps[i]) && !try(-steps[i]) {
				steps[i] /= 2
			}
		}
		if !moved {
			break
		}
	}
	return k
}
