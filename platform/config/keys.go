package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/authy2/backend/platform/secret"
)

// masterKey is one of the master keys with its names.
type masterKey struct {
	key, file string
	value     *secret.String
}

func (k *Keys) all() []masterKey {
	return []masterKey{
		{"keys.secret_key", "secret_key", &k.Secret},
		{"keys.encryption_key", "encryption_key", &k.Encryption},
		{"keys.ca_encryption_key", "ca_encryption_key", &k.CAEncryption},
	}
}

// EnsureDevelopmentKeys gives the installation the master keys that it was not given:
// each is read from dir, or made from random and written there for the next time (files
// 0600, a folder made for it 0700). It returns the files it made. In production it does
// nothing: Load has refused to go without keys.
func (l *Loaded) EnsureDevelopmentKeys(dir string, random io.Reader) (made []string, err error) {
	if l.Platform.Production() {
		return nil, nil
	}
	for _, key := range l.Platform.Keys.all() {
		if !key.value.Empty() {
			continue
		}
		path := filepath.Join(dir, key.file)
		value, fresh, err := readOrMake(dir, path, random)
		if err != nil {
			return made, fmt.Errorf("config: key for development: %w", err)
		}
		if fresh {
			made = append(made, path)
		}
		*key.value = value
	}
	return made, nil
}

// readOrMake returns the key in path. Of two processes that make it at once, one wins
// and both use its key.
func readOrMake(dir, path string, random io.Reader) (value secret.String, made bool, err error) {
	value, err = readKey(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return value, false, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return secret.String{}, false, err
	}
	var key [32]byte
	if _, err := io.ReadFull(random, key[:]); err != nil {
		return secret.String{}, false, err
	}
	temporary, err := os.CreateTemp(dir, ".key-*") // 0600 by its promise
	if err != nil {
		return secret.String{}, false, err
	}
	defer func() { _ = os.Remove(temporary.Name()) }()
	_, err = temporary.WriteString(base64.StdEncoding.EncodeToString(key[:]) + "\n")
	if err := errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return secret.String{}, false, err
	}
	// A link appears whole or not at all and never replaces what is there.
	err = os.Link(temporary.Name(), path)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return secret.String{}, false, err
	}
	value, readErr := readKey(path)
	return value, err == nil, readErr
}

func readKey(path string) (secret.String, error) {
	content, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return secret.String{}, err
	}
	text := strings.TrimSpace(string(content))
	if text == "" {
		return secret.String{}, fmt.Errorf("%s is empty; remove it to have a key made", path)
	}
	return secret.New(text), nil
}
