//go:build !linux

package service

import "syscall"

// leash does nothing where the system has no such thing.
func leash(attr *syscall.SysProcAttr) *syscall.SysProcAttr { return attr }
