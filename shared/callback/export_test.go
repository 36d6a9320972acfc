package callback

// This file lets tests that only look at outcomes do without waiting.

// WithoutMoments lets nobody wait for another delivery until restored.
func WithoutMoments() (restore func()) {
	before := moments
	moments = nil
	return func() { moments = before }
}
