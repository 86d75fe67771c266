package database_test

import (
	"database/sql"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver to compare with

	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

// BenchmarkLookUp compares a prepared look-up with bun's and with what database/sql does by
// itself.
func BenchmarkLookUp(b *testing.B) {
	url := platformtest.PostgresURL(b)
	db := platformtest.OpenDB(b, database.Settings{URL: secret.New(url)})
	const query = "SELECT relname FROM pg_class WHERE oid = "
	b.Run("stmt", func(b *testing.B) {
		stmt := db.Prepare(query + "?")
		b.ReportAllocs()
		for b.Loop() {
			var name string
			if err := stmt.QueryRow(b.Context(), 1259).Scan(&name); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bun", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var name string
			if err := db.Read().NewRaw(query+"?", 1259).Scan(b.Context(), &name); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("database/sql", func(b *testing.B) {
		plain, err := sql.Open("pgx", url)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = plain.Close() }()
		stmt, err := plain.PrepareContext(b.Context(), query+"$1")
		if err != nil {
			b.Fatal(err)
		}
		defer stmt.Close()
		b.ReportAllocs()
		for b.Loop() {
			var name string
			if err := stmt.QueryRowContext(b.Context(), 1259).Scan(&name); err != nil {
				b.Fatal(err)
			}
		}
	})
}
