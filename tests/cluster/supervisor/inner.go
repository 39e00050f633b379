// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// The supervisor's own program, started again for what has to happen inside a pod's namespace.
const (
	podPause = "pod-pause"
	podExec  = "pod-exec"
)

// runPause configures the pod's interface once the supervisor has attached it (a byte on descriptor 3), says so (a byte
// on descriptor 4), and then only lives.
func runPause(args []string) error {
	gate, done := os.NewFile(3, "gate"), os.NewFile(4, "done")
	if n, _ := gate.Read(make([]byte, 1)); n != 1 {
		return fmt.Errorf("%s: the supervisor is gone", podPause)
	}
	if err := configureInside(args[0]); err != nil {
		return fmt.Errorf("%s: %w", podPause, err)
	}
	if _, err := done.Write([]byte{1}); err != nil {
		return err
	}
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
	for {
		_ = unix.Pause()
	}
}

// runExec becomes the container's program: in the pod's network namespace, under the pod's root, as the pod's user.
func runExec(args []string) error {
	runtime.LockOSThread()
	namespace, root, user, program := args[0], args[1], args[2], args[3]
	handle, err := unix.Open("/proc/"+namespace+"/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Setns(handle, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("%s: setns: %w", podExec, err)
	}
	if err := unix.Chroot(root); err != nil {
		return fmt.Errorf("%s: chroot: %w", podExec, err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if err := becomeUser(user); err != nil {
		return fmt.Errorf("%s: user %s: %w", podExec, user, err)
	}
	// The parent-death signal is a thread's, and a change of user clears it; this thread is the one that executes the program.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0, 0, 0); err != nil {
		return err
	}
	name := "/" + filepath.Base(program)
	return syscall.Exec(name, append([]string{name}, args[4:]...), os.Environ())
}

// becomeUser gives up root, and every capability with it, where the Pod's security context names a user.
func becomeUser(text string) error {
	user, err := strconv.Atoi(text)
	if err != nil || user == 0 {
		return err
	}
	if err := syscall.Setgroups(nil); err != nil {
		return err
	}
	if err := syscall.Setgid(user); err != nil {
		return err
	}
	return syscall.Setuid(user)
}
