package service

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Connect opens one connection to a database of the server, for what a journey has to
// see or to hold from outside: rows, locks, other connections.
func (p *Postgres) Connect(ctx context.Context, database string) (*pgx.Conn, error) {
	conn, err := pgx.Connect(ctx, p.URL(database))
	if err != nil {
		return nil, fmt.Errorf("service: connect to %s: %w", database, err)
	}
	return conn, nil
}

// Exec runs statements without arguments on a connection of its own.
func (p *Postgres) Exec(ctx context.Context, database, sql string) error {
	conn, err := p.Connect(ctx, database)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
		return fmt.Errorf("service: exec: %w", err)
	}
	return nil
}
