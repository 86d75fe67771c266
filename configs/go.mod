module github.com/authy2/backend/configs

go 1.26.0
