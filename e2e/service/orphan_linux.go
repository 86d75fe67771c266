package service

import "syscall"

// leash makes a child die with the program that started it, so that a test run that is
// killed leaves no server behind.
func leash(attr *syscall.SysProcAttr) *syscall.SysProcAttr {
	attr.Pdeathsig = syscall.SIGKILL
	return attr
}
