package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/authy2/backend/configs"
	"github.com/authy2/backend/platform/config"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/kernel"
	"github.com/authy2/backend/platform/telemetry"
)

// dataDir is where the embedded default keeps what it makes: the database and, outside
// production, its keys.
const dataDir = "data"

// environment is what the program is given by the system that runs it.
type environment struct {
	args           []string
	environ        []string
	dir            string
	stdout, stderr io.Writer
	modules        []kernel.Module

	configFile string
	asJSON     bool
}

// newEnvironment returns the process's own.
func newEnvironment() *environment {
	return &environment{
		args: os.Args[1:], environ: os.Environ(), dir: ".",
		stdout: os.Stdout, stderr: os.Stderr, modules: modules(),
	}
}

// load reads the configuration and plans the modules. Its error is the operator's to mend.
func (e *environment) load() (*config.Loaded, *kernel.Plan, error) {
	loaded, err := config.Load(config.Options{
		Profiles: configs.FS, File: e.configFile, Environ: e.environ, Dir: e.dir,
	}, kernel.Sections(e.modules))
	if err != nil {
		return nil, nil, &usageError{err}
	}
	plan, err := kernel.NewPlan(e.modules, loaded.Selection)
	if err != nil {
		return nil, nil, &usageError{err}
	}
	return loaded, plan, nil
}

// system is a built application with the log it writes to.
type system struct {
	*kernel.App
	log *telemetry.Log
}

// close writes what the log still holds.
func (s *system) close() { _ = s.log.Close() }

// mode is what a command wants the system for.
type mode int

const (
	// look builds a system that is never started: for routes, documents and help.
	look mode = iota
	// use builds one that a command starts beside a server that may be running.
	use
	// serve builds one that listens and works on jobs.
	serve
	// work builds one that works on jobs beside servers.
	work
)

// build loads the configuration and builds the system. Nothing is connected yet.
func (e *environment) build(m mode) (*system, error) {
	loaded, plan, err := e.load()
	if err != nil {
		return nil, err
	}
	var made []string
	if m != look {
		if made, err = loaded.EnsureDevelopmentKeys(filepath.Join(e.dir, dataDir), rand.Reader); err != nil {
			return nil, err
		}
	}
	log, err := telemetry.NewLog(e.logOutput(m), telemetry.Format(loaded.Platform.Log.Format), loaded.Platform.Log.Level)
	if err != nil {
		return nil, err
	}
	if m != look {
		for _, w := range loaded.Warnings {
			log.Warn("configuration", "warning", w)
		}
		for _, path := range made {
			log.Info("made a key for development", "file", path)
		}
	}
	app, err := kernel.New(kernel.Options{
		Loaded: loaded, Plan: plan, Wire: wire(plan), Version: currentBuild().Version, Serve: m == serve, Work: m == work, Log: log.Logger,
		Database: database.Settings{},
	})
	if err != nil {
		return nil, errors.Join(&usageError{err}, log.Close())
	}
	return &system{App: app, log: log}, nil
}

// logOutput keeps the output of commands clean: their lines go to the error stream.
func (e *environment) logOutput(m mode) io.Writer {
	if m == serve || m == work {
		return e.stdout
	}
	return e.stderr
}

// with starts the system for a command, runs fn and stops it again.
func (e *environment) with(ctx context.Context, fn func(ctx context.Context, s *system) error) error {
	s, err := e.build(use)
	if err != nil {
		return err
	}
	defer s.close()
	return s.during(ctx, fn)
}

// during runs fn while the system is started.
func (s *system) during(ctx context.Context, fn func(ctx context.Context, s *system) error) (err error) {
	if err := s.Start(ctx); err != nil {
		return err
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		err = errors.Join(err, s.Stop(stop))
	}()
	return fn(ctx, s)
}

// progress prints one sentence of a long work a line.
func (e *environment) progress(sentence string) { fmt.Fprintln(e.stderr, sentence) }

// scanConfigFlag finds --config before the command line is parsed: which commands there
// are depends on which modules are on.
func (e *environment) scanConfigFlag() {
	for i, arg := range e.args {
		if value, ok := strings.CutPrefix(arg, "--config="); ok {
			e.configFile = value
		} else if arg == "--config" && i+1 < len(e.args) {
			e.configFile = e.args[i+1]
		}
	}
}
