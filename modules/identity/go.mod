module github.com/authy2/backend/modules/identity

go 1.26.0
