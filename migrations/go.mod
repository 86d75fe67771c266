module github.com/authy2/backend/migrations

go 1.26.0
