package migrate

import (
	"context"
	"strings"
	"time"
)

// Status is how far one line is.
type Status struct {
	// Line is the line's name.
	Line string `json:"line"`
	// Applied are the steps that are done, oldest first.
	Applied []Applied `json:"applied"`
	// Pending are the steps to come, in their order.
	Pending []string `json:"pending"`
	// Newer are the applied steps that this release does not know.
	Newer []Applied `json:"newer"`
}

// Applied is a step that is done.
type Applied struct {
	// Step is <yyyymmddhhmmss>_<name>, or the time stamp alone when the step is not known.
	Step string `json:"step"`
	// At is when it was done.
	At time.Time `json:"at"`
}

// Status returns how far every line is, in the lines' order. It changes nothing.
func (m *Migrator) Status(ctx context.Context) ([]Status, error) {
	all := make([]Status, 0, len(m.lines))
	for _, l := range m.lines {
		steps, err := l.discover()
		if err != nil {
			return nil, err
		}
		done, err := history(ctx, m.db, l)
		if err != nil {
			return nil, err
		}
		at := make(map[string]time.Time, len(done))
		for _, row := range done {
			at[row.Name] = row.MigratedAt
		}
		s := Status{Line: l.Name, Applied: []Applied{}, Pending: []string{}, Newer: []Applied{}}
		for _, step := range steps {
			if t, ok := at[step.Name]; ok {
				s.Applied = append(s.Applied, Applied{Step: title(step), At: t})
				delete(at, step.Name)
				continue
			}
			s.Pending = append(s.Pending, title(step))
		}
		for _, row := range done {
			if _, ok := at[row.Name]; ok {
				s.Newer = append(s.Newer, Applied{Step: row.Name, At: row.MigratedAt})
			}
		}
		all = append(all, s)
	}
	return all, nil
}

// names lists the lines for an error message.
func (m *Migrator) names() string {
	names := make([]string, len(m.lines))
	for i, l := range m.lines {
		names[i] = l.Name
	}
	return strings.Join(names, ", ")
}
