package httpx

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/clock"
)

// Settings are the facts about this installation that the edge needs.
type Settings struct {
	// PublicURL is the address that clients use. Its origin is the same origin of the
	// CSRF rule; links and the document's server start with it.
	PublicURL string
	// Version is the release shown in the document.
	Version string
	// CORSOrigins are the exact origins whose scripts may call the API with cookies.
	CORSOrigins []string
	// TrustedProxies are the networks whose X-Forwarded-* headers are believed.
	TrustedProxies []netip.Prefix
	// BodyLimit is the largest request body in bytes; 0 means [DefaultBodyLimit].
	BodyLimit int64
	// BodyTimeout is how long a client may take to send its body; 0 means 15 s.
	BodyTimeout time.Duration
	// StallTimeout is how long a client may read nothing of a stream before it is cut off;
	// 0 means 30 s.
	StallTimeout time.Duration
	// Tags describe the groups of operations in the document, by name. A tag that an
	// operation uses and that is missing here is described by its name alone.
	Tags map[string]string
}

// Deps are the parts of the platform that the edge works with.
type Deps struct {
	// Log receives access lines and errors.
	Log *slog.Logger
	// Clock tells the time of access lines, cookies and stored answers.
	Clock clock.Clock
	// Random is the source of nonces; production gives crypto/rand.Reader.
	Random io.Reader
	// Authenticator judges session tokens.
	Authenticator authn.Authenticator
	// Limiter counts calls of operations with limits. Nil counts nothing, which is the
	// choice of a system whose limits are switched off.
	Limiter Limiter
	// Answers keeps the answers of operations with an Idempotency-Key. Nil makes the
	// header have no effect, for callers that only want the document.
	Answers *Answers
	// Denied is told of every [apperr.CodeAuthorization] refusal by an operation with a
	// Permission: when the handler's transaction is over, before the client is answered,
	// and once, however often an Idempotency-Key repeats the answer. Nil tells nobody.
	Denied func(ctx context.Context, operation string, demand *authn.Demand, refusal *apperr.Error)
	// Metrics is where request counters are registered; nil registers none.
	Metrics prometheus.Registerer
}

// DefaultBodyLimit is the largest body that is read unless Settings say otherwise.
const DefaultBodyLimit = 1 << 20

// defaultBodyTimeout is how long a client may take to send its body unless Settings say
// otherwise.
const defaultBodyTimeout = 15 * time.Second

// defaultStallTimeout is how long a client may read nothing of a stream unless Settings
// say otherwise.
const defaultStallTimeout = 30 * time.Second
