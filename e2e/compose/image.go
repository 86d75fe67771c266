package compose

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Image is what a Dockerfile says of the image that it makes.
type Image struct {
	// User, Workdir, Entrypoint, Command and Health are those of the last stage.
	User, Workdir               string
	Entrypoint, Command, Health []string
	// Env is its environment and Ports are what it exposes.
	Env   map[string]string
	Ports []string
	// Bases are the images that the stages begin with.
	Bases []string
	// Sources are the paths of the context that are copied in.
	Sources []string
	// Text is the whole file.
	Text string
}

// LoadImage reads a Dockerfile. An instruction that it does not know is an error.
func LoadImage(path string) (*Image, error) {
	content, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return nil, fmt.Errorf("compose: %w", err)
	}
	i := &Image{Text: string(content)}
	for line := range strings.Lines(strings.ReplaceAll(i.Text, "\\\n", " ")) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		instruction, rest, _ := strings.Cut(line, " ")
		if err := i.read(instruction, strings.TrimSpace(rest)); err != nil {
			return nil, fmt.Errorf("compose: %s: %s: %w", filepath.Base(path), instruction, err)
		}
	}
	return i, nil
}

func (i *Image) read(instruction, rest string) error {
	fields := strings.Fields(rest)
	switch instruction {
	case "FROM":
		*i = Image{Text: i.Text, Bases: append(i.Bases, fields[0]), Sources: i.Sources, Env: map[string]string{}}
	case "COPY":
		if !strings.HasPrefix(rest, "--from=") {
			i.Sources = append(i.Sources, fields[:len(fields)-1]...)
		}
	case "ENV":
		for _, pair := range fields {
			name, value, ok := strings.Cut(pair, "=")
			if !ok {
				return fmt.Errorf("%q is not NAME=value", pair)
			}
			i.Env[name] = value
		}
	case "USER":
		i.User = rest
	case "WORKDIR":
		i.Workdir = rest
	case "EXPOSE":
		i.Ports = append(i.Ports, fields...)
	case "ENTRYPOINT":
		return json.Unmarshal([]byte(rest), &i.Entrypoint)
	case "CMD":
		return json.Unmarshal([]byte(rest), &i.Command)
	case "HEALTHCHECK":
		_, command, ok := strings.Cut(rest, "CMD ")
		if !ok {
			return fmt.Errorf("%q has no command", rest)
		}
		return json.Unmarshal([]byte(command), &i.Health)
	case "ARG", "RUN":
	default:
		return fmt.Errorf("the instruction is not known here")
	}
	return nil
}
