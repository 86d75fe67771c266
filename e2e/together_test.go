package e2e_test

import (
	"sync"
	"testing"

	"github.com/authy2/backend/e2e/harness"
)

// together lets n callers go at one instant and returns what they were answered. A
// caller that gets no answer fails the test.
func together(t *testing.T, n int, call func(i int) (*harness.Answer, error)) []*harness.Answer {
	t.Helper()
	answers, errs := make([]*harness.Answer, n), make([]error, n)
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			<-start
			answers[i], errs[i] = call(i)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	return answers
}
