package web

import "github.com/authy2/backend/platform/apperr"

// Wrong returns what a validation error says of each field, for [View.Wrong]; nil for every
// other error.
func Wrong(err error) map[string][]string {
	e := apperr.From(err)
	if e == nil || e.Code() != apperr.CodeValidation {
		return nil
	}
	wrong := map[string][]string{}
	for name, value := range e.Details() {
		if messages, ok := value.([]string); ok {
			wrong[name] = messages
		}
	}
	return wrong
}
