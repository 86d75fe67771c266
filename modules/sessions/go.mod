module github.com/authy2/backend/modules/sessions

go 1.26.0
