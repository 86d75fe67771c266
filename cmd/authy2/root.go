package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/authy2/backend/platform/kernel"
)

// parentAnnotation names the command under which a module wants its own to appear.
const parentAnnotation = "parent"

// newRootCommand returns the whole command line: the binary's own commands and those of
// the modules that are on.
func newRootCommand(env *environment) *cobra.Command {
	env.scanConfigFlag()
	root := ownCommands(env)
	shown, err := env.build(look)
	if err != nil {
		// The command that is asked for will say what is wrong, unless it needs nothing.
		return strict(withoutSystem(env, root))
	}
	defer shown.close()
	attach(root, shown.Commands(), nil)
	target, _, err := root.Find(env.args)
	if err != nil || target == root {
		return strict(withoutSystem(env, root))
	}
	if !fromModule(target) || needsNoSystem(target, env.args) {
		return strict(root)
	}
	// A module's command runs on a system with the installation's own keys.
	root = ownCommands(env)
	system, err := env.build(use)
	if err != nil {
		return failing(root, err)
	}
	attach(root, system.Commands(), system)
	return strict(root)
}

// withoutSystem returns the command line where the operator's configuration is missing or
// wrong, or does not have the command: root or, for a module's command that needs no system, one with the commands of a
// default installation.
func withoutSystem(env *environment, root *cobra.Command) *cobra.Command {
	bare := &environment{dir: env.dir, stdout: env.stdout, stderr: env.stderr, modules: env.modules}
	system, err := bare.build(look)
	if err != nil {
		return root
	}
	defer system.close()
	other := ownCommands(env)
	attach(other, system.Commands(), nil)
	if target, _, err := other.Find(env.args); err == nil && needsNoSystem(target, env.args) {
		return other
	}
	return root
}

// needsNoSystem reports whether a command was given the flag with which it needs neither
// configuration nor database.
func needsNoSystem(c *cobra.Command, args []string) bool {
	flag := "--" + c.Annotations[kernel.WithoutSystem]
	return flag != "--" && slices.ContainsFunc(args, func(arg string) bool { return arg == flag || strings.HasPrefix(arg, flag+"=") })
}

// strict makes wrong arguments of c and its children mistakes of the caller that say what
// was expected. A module's command that only holds others behaves like ours.
func strict(c *cobra.Command) *cobra.Command {
	if !c.Runnable() && c.HasSubCommands() {
		group(c)
	}
	if judge := c.Args; judge != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			if err := judge(cmd, args); err != nil {
				return &usageError{fmt.Errorf("%d argument(s) given; it is used like this: %s", len(args), cmd.UseLine())}
			}
			return nil
		}
	}
	for _, child := range c.Commands() {
		strict(child)
	}
	return c
}

// ownCommands returns the root with the commands that belong to no module.
func ownCommands(env *environment) *cobra.Command {
	root := &cobra.Command{
		Use:   "authy2",
		Short: "Authentication and authorization server",
		Long: "authy2 signs people in and recognises them on every request.\n\n" +
			"Without configuration it serves on :5000 with SQLite in data/. Settings come from\n" +
			"built-in profiles, the file of --config and the environment: authy2 config table.",
		Example:       "  authy2 serve --seed\n  authy2 db upgrade\n  authy2 doctor",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       currentBuild().Version,
	}
	group(root)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.PersistentFlags().StringVar(&env.configFile, "config", env.configFile, "YAML `file` laid over the built-in profile")
	root.PersistentFlags().BoolVar(&env.asJSON, "json", false, "print machine-readable output")
	root.AddCommand(
		serveCommand(env), dbCommand(env), jobsCommand(env), mailCommand(env), seedCommand(env), openapiCommand(env),
		modulesCommand(env), configCommand(env), doctorCommand(env), healthcheckCommand(env), versionCommand(env),
	)
	return root
}

// group makes c a command that only holds others: alone it shows its help, and what it
// does not hold is a mistake of the caller.
func group(c *cobra.Command) *cobra.Command {
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return &usageError{fmt.Errorf("unknown command %q (%s --help lists what there is)", args[0], cmd.CommandPath())}
	}
	return c
}

// attach adds the modules' commands. With a system, running one starts that system first.
func attach(root *cobra.Command, commands []*cobra.Command, s *system) {
	for _, c := range commands {
		if s != nil {
			onStarted(c, s)
		}
		if c.Annotations == nil {
			c.Annotations = map[string]string{}
		}
		c.Annotations["module"] = "yes"
		parent := root
		if name := c.Annotations[parentAnnotation]; name != "" {
			if i := slices.IndexFunc(root.Commands(), func(p *cobra.Command) bool { return p.Name() == name }); i >= 0 {
				parent = root.Commands()[i]
			}
		}
		parent.AddCommand(c)
	}
}

// onStarted makes c and its children run while the system is started.
func onStarted(c *cobra.Command, s *system) {
	if run := c.RunE; run != nil {
		c.RunE = func(cmd *cobra.Command, args []string) error {
			defer s.close()
			return s.during(cmd.Context(), func(ctx context.Context, _ *system) error {
				cmd.SetContext(ctx)
				return run(cmd, args)
			})
		}
	}
	for _, child := range c.Commands() {
		onStarted(child, s)
	}
}

// fromModule reports whether c or a parent of it is a module's.
func fromModule(c *cobra.Command) bool {
	for ; c != nil; c = c.Parent() {
		if c.Annotations["module"] != "" {
			return true
		}
	}
	return false
}

// failing makes every command answer err.
func failing(root *cobra.Command, err error) *cobra.Command {
	root.Args = cobra.ArbitraryArgs
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return err }
	root.RunE = func(*cobra.Command, []string) error { return err }
	root.FParseErrWhitelist.UnknownFlags = true
	return root
}

// printJSON prints v indented on the command's output.
func printJSON(env *environment, v any) error {
	out := json.NewEncoder(env.stdout)
	out.SetIndent("", "  ")
	return out.Encode(v)
}

func versionCommand(env *environment) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print which binary this is", Args: cobra.NoArgs,
		Example: "  authy2 version --json",
		RunE: func(*cobra.Command, []string) error {
			b := currentBuild()
			if env.asJSON {
				return printJSON(env, b)
			}
			_, err := fmt.Fprintf(env.stdout, "authy2 %s (commit %s, built %s, %s)\n", b.Version, orUnknown(b.Commit), orUnknown(b.Date), b.Go)
			return err
		},
	}
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}
