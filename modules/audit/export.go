package audit

import "context"

// exportLimit bounds how many rows an export of somebody's data holds.
const exportLimit = 10_000

// Export is the section of an export of somebody's data: what they did, and what was done
// to their account, newest first.
type Export struct {
	Rows []Row `json:"rows"`
	// Cut is true when there are more rows than an export holds; the trail itself has them.
	Cut bool `json:"cut"`
}

// export gives the section. It shows nothing that describes other people.
func (s *Service) export(ctx context.Context, userID string) (any, error) {
	scope := Scope{UserID: userID}
	r := reader{service: s, scope: scope, own: true}
	out := Export{Rows: []Row{}}
	var after *position
	for {
		rows, err := s.store.page(ctx, scope, &Filter{}, after, streamPage)
		if err != nil {
			return nil, err
		}
		more := len(rows) == streamPage
		if room := exportLimit - len(out.Rows); len(rows) > room {
			rows, out.Cut = rows[:room], true
		}
		views, err := r.views(ctx, rows)
		if err != nil {
			return nil, err
		}
		out.Rows = append(out.Rows, views...)
		if out.Cut || !more {
			return out, nil
		}
		last := &rows[len(rows)-1]
		after = &position{At: last.CreatedAt.UTC(), ID: last.ID}
	}
}
