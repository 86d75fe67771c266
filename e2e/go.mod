module github.com/authy2/backend/e2e

go 1.26.0
