package config

import (
	"encoding"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/authy2/backend/platform/secret"
)

// isA reports whether t is the type T.
func isA[T any](t reflect.Type) bool { return t == reflect.TypeFor[T]() }

// readsItself reports whether pointers to t are filled by UnmarshalText.
func readsItself(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// readable reports whether values of the type can be read from text.
func readable(t reflect.Type) bool {
	switch {
	case readsItself(t):
		return true
	case t.Kind() == reflect.Slice:
		return t.Elem().Kind() != reflect.Slice && readable(t.Elem())
	default:
		switch t.Kind() {
		case reflect.String, reflect.Bool, reflect.Int, reflect.Int64:
			return true
		default:
			return false
		}
	}
}

// assign reads value, which came from YAML or the environment, into target. It returns
// what is wrong with it, without showing it if it is a secret, or "".
func assign(target reflect.Value, value any) string {
	if target.Kind() == reflect.Slice && !readsItself(target.Type()) {
		return assignList(target, value)
	}
	text, ok := scalar(value)
	if !ok {
		return "must be " + wanted(target.Type()) + ", in quotes if it looks like something else"
	}
	return assignText(target, text)
}

// assignList reads a YAML list or a comma separated text.
func assignList(target reflect.Value, value any) string {
	var items []string
	switch v := value.(type) {
	case string:
		items = strings.Split(v, ",")
	case []any:
		for _, item := range v {
			text, ok := scalar(item)
			if !ok {
				return "must be a list of " + wanted(target.Type().Elem())
			}
			items = append(items, text)
		}
	default:
		return "must be a list"
	}
	list := reflect.MakeSlice(target.Type(), 0, len(items))
	for _, text := range items {
		if strings.TrimSpace(text) == "" {
			continue
		}
		item := reflect.New(target.Type().Elem()).Elem()
		if problem := assignText(item, text); problem != "" {
			return problem
		}
		list = reflect.Append(list, item)
	}
	target.Set(list)
	return ""
}

// scalar returns the text of a value that stands alone. YAML's floats, times and nulls
// are refused, because their text is not what was written.
func scalar(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case bool, int, int64, uint64:
		return fmt.Sprint(v), true
	default:
		return "", false
	}
}

func assignText(target reflect.Value, text string) string {
	if isA[secret.String](target.Type()) {
		target.Set(reflect.ValueOf(secret.New(text)))
		return ""
	}
	text = strings.TrimSpace(text)
	problem := fmt.Sprintf("%q is not %s", short(text), wanted(target.Type()))
	switch {
	case isA[time.Duration](target.Type()):
		d, ok := duration(text)
		if !ok {
			return problem
		}
		target.SetInt(int64(d))
	case isA[netip.Prefix](target.Type()):
		p, ok := prefix(text)
		if !ok {
			return problem
		}
		target.Set(reflect.ValueOf(p))
	case isA[slog.Level](target.Type()):
		level, ok := level(text)
		if !ok {
			return problem
		}
		target.SetInt(int64(level))
	case readsItself(target.Type()):
		if u, ok := target.Addr().Interface().(encoding.TextUnmarshaler); !ok || u.UnmarshalText([]byte(text)) != nil {
			return problem
		}
	case target.Kind() == reflect.String:
		target.SetString(text)
	case target.Kind() == reflect.Bool:
		on, ok := boolean(text)
		if !ok {
			return problem
		}
		target.SetBool(on)
	default:
		n, err := strconv.ParseInt(text, 10, target.Type().Bits())
		if err != nil {
			return problem
		}
		target.SetInt(n)
	}
	return ""
}

// wanted says in words what a value of the type looks like.
func wanted(t reflect.Type) string {
	switch {
	case isA[time.Duration](t):
		return "a number of seconds or a duration such as 15m"
	case isA[netip.Prefix](t):
		return "a network such as 10.0.0.0/8"
	case isA[slog.Level](t):
		return "one of debug, info, warn, error"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Int, t.Kind() == reflect.Int64:
		return "a whole number"
	default:
		return "a text"
	}
}

func duration(text string) (time.Duration, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		d := time.Duration(n) * time.Second
		return d, d/time.Second == time.Duration(n)
	}
	d, err := time.ParseDuration(text)
	return d, err == nil
}

// prefix reads a network in CIDR form, or one address as the network of it alone.
func prefix(text string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}

// level reads the name of a log level.
func level(text string) (slog.Level, bool) {
	switch strings.ToLower(text) {
	case "debug":
		return slog.LevelDebug, true
	case "info":
		return slog.LevelInfo, true
	case "warn", "warning":
		return slog.LevelWarn, true
	case "error":
		return slog.LevelError, true
	default:
		return 0, false
	}
}

func boolean(text string) (on, ok bool) {
	switch strings.ToLower(text) {
	case "true", "1", "yes", "on":
		return true, true
	case "false", "0", "no", "off":
		return false, true
	default:
		return false, false
	}
}

// textOf writes a value the way it would be given in the environment.
func textOf(v reflect.Value) string {
	switch value := v.Interface().(type) {
	case secret.String:
		if value.Empty() {
			return ""
		}
		return value.String()
	case time.Duration:
		if value%time.Second == 0 {
			return strconv.FormatInt(int64(value/time.Second), 10)
		}
		return value.String()
	case slog.Level:
		return strings.ToLower(value.String())
	}
	if v.Kind() == reflect.Slice {
		items := make([]string, v.Len())
		for i := range items {
			items[i] = textOf(v.Index(i))
		}
		return strings.Join(items, ",")
	}
	return fmt.Sprint(v.Interface())
}
