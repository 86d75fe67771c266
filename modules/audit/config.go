package audit

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// longestRetention bounds how long rows can be kept before they are removed: a hundred
// years, so that a day too far is a mistake that is said and not a time that overflows.
const longestRetention = 36_500

// Config is the section modules.audit of the configuration.
type Config struct {
	// RetentionDays is after how many days sealed rows are removed; 0 keeps them for ever.
	RetentionDays int `conf:"retention_days" env:"AUDIT_RETENTION_DAYS" doc:"Days after which rows of the trail are removed, whole seals at a time; 0 keeps them for ever."`
	// HeadFile is a file that gets a line for every seal; empty for none.
	HeadFile string `conf:"head_file" env:"AUDIT_HEAD_FILE" doc:"File to which the head of every seal is appended, best on another machine; empty for none."`
}

// DefaultConfig keeps everything for ever.
func DefaultConfig() Config { return Config{} }

// Validate returns every complaint at once.
func (c Config) Validate() error {
	var errs []error
	if c.RetentionDays < 0 || c.RetentionDays > longestRetention {
		errs = append(errs, fmt.Errorf("retention_days: must be 0 to %d", longestRetention))
	}
	if c.HeadFile != "" && (strings.ContainsRune(c.HeadFile, 0) || strings.HasSuffix(c.HeadFile, string(filepath.Separator))) {
		errs = append(errs, errors.New("head_file: must name a file"))
	}
	return errors.Join(errs...)
}
