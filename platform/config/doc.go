// Package config turns files and the environment into typed settings, strictly: an
// unknown key, a value that cannot be read and a setting that must not be are all
// reported at once, and no complaint ever shows a secret.
//
// # Layers
//
// Defaults of the structs < <profile>.yaml of the binary < the file of --config < the
// environment. In the development profile the file .env of the working directory lies
// below the environment. An environment variable that is set but empty counts as not
// set, because that is what compose files make of variables nobody gave a value.
//
// # Declaring settings
//
// A section is a plain struct that holds its defaults. Every field says its key, and may
// say the name of its environment variable and its documentation:
//
//	type Config struct {
//		IdleTimeout time.Duration `conf:"idle_timeout" env:"SESSION_IDLE_TIMEOUT" doc:"…"`
//	}
//
// Keys of a module live under modules.<name>; without an env tag the variable is the key
// in capitals, <NAME>_<KEY>. Fields are strings, booleans, whole numbers, durations (a
// bare number means seconds), lists of these, nested structs, [secret.String], and types
// that read themselves from text. Every secret may also be given as a file, by its name
// followed by _FILE (in YAML: by its key followed by _file).
//
// What may be touched: a key may be added with the code that reads it. Renaming one
// breaks installations.
package config
