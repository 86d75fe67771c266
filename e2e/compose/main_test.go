package compose_test

import (
	"os"
	"testing"

	"github.com/authy2/backend/e2e/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }
