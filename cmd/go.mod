module github.com/authy2/backend/cmd

go 1.26.0
