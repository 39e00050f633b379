// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	startTimeout = 90 * time.Second
	stopTimeout  = 15 * time.Second
	// The cluster's first process as this machine sees it: its id, and when it began, since ids are used again.
	processFile = "process"
	// What tells a command that it runs inside, and where the state is.
	stateVariable = "CLUSTER_STATE"
)

// runStart starts a cluster that outlives this process.
func runStart(arguments []string) error {
	chosen, _, err := parse("start", arguments)
	if err != nil {
		return err
	}
	if running(chosen.state) != 0 {
		return fmt.Errorf("there is already a cluster in %s", chosen.state)
	}
	_, err = startCluster(chosen.state, arguments, &syscall.SysProcAttr{Setsid: true})
	return err
}

// runOnce starts a cluster, runs a command in it, and ends it. Killing this process ends both.
func runOnce(arguments []string) error {
	chosen, command, err := parse("once", arguments)
	if err != nil {
		return err
	}
	if len(command) == 0 {
		return errors.New("once: a command is required after --")
	}
	// Whoever started us may be killed too.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGTERM), 0, 0, 0); err != nil {
		return err
	}
	cluster, err := startCluster(chosen.state, arguments, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL})
	if err != nil {
		return err
	}
	inside := inNamespaces(cluster.Process.Pid, chosen.state, command)
	if err := errors.Join(stopCluster(chosen.state), os.RemoveAll(chosen.state)); err != nil {
		fmt.Fprintf(os.Stderr, "cluster: %v\n", err)
	}
	return inside
}

func runStop(arguments []string) error {
	chosen, _, err := parse("stop", arguments)
	if err != nil {
		return err
	}
	if err := stopCluster(chosen.state); err != nil {
		return err
	}
	return os.RemoveAll(chosen.state)
}

// runStatus succeeds while there is a cluster that answers.
func runStatus(arguments []string) error {
	chosen, _, err := parse("status", arguments)
	if err != nil {
		return err
	}
	if running(chosen.state) == 0 || !fileExists(filepath.Join(chosen.state, "ready")) {
		return fmt.Errorf("no cluster in %s", chosen.state)
	}
	return nil
}

// runEnter runs a command in the cluster's namespaces.
func runEnter(arguments []string) error {
	chosen, command, err := parse("enter", arguments)
	if err != nil {
		return err
	}
	process := running(chosen.state)
	if process == 0 || len(command) == 0 {
		return fmt.Errorf("enter: no cluster in %s, or no command after --", chosen.state)
	}
	return inNamespaces(process, chosen.state, command)
}

// startCluster starts the first process of a cluster in new namespaces and waits until the cluster answers.
func startCluster(state string, arguments []string, attributes *syscall.SysProcAttr) (*exec.Cmd, error) {
	if err := os.RemoveAll(state); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(state, 0o755); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(state, "supervisor.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	command := exec.Command("/proc/self/exe", append([]string{serveCommand}, arguments...)...)
	command.Stdout, command.Stderr = log, log
	attributes.Cloneflags = unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWNS
	command.SysProcAttr = attributes
	if err := startOnThread(command); err != nil {
		return nil, fmt.Errorf("new namespaces (this needs root): %w", err)
	}
	identity := fmt.Sprintf("%d %s", command.Process.Pid, began(command.Process.Pid))
	if err := os.WriteFile(filepath.Join(state, processFile), []byte(identity), 0o600); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	deadline := time.After(startTimeout)
	for !fileExists(filepath.Join(state, "ready")) {
		select {
		case err := <-ended:
			return nil, fmt.Errorf("the cluster did not start (%v):\n%s", err, lastLines(state))
		case <-deadline:
			_ = command.Process.Kill()
			return nil, fmt.Errorf("the cluster is not ready after %s:\n%s", startTimeout, lastLines(state))
		case <-time.After(startPollPause):
		}
	}
	return command, nil
}

// stopCluster ends the cluster's first process; the kernel ends the others with it.
func stopCluster(state string) error {
	process := running(state)
	if process == 0 {
		return nil
	}
	_ = syscall.Kill(process, syscall.SIGTERM)
	deadline := time.Now().Add(stopTimeout)
	for running(state) != 0 {
		if time.Now().After(deadline) {
			_ = syscall.Kill(process, syscall.SIGKILL)
			deadline = deadline.Add(stopTimeout)
		}
		time.Sleep(startPollPause)
	}
	return nil
}

// running is the id of the cluster's first process, or 0.
func running(state string) int {
	text, err := os.ReadFile(filepath.Join(state, processFile))
	if err != nil {
		return 0
	}
	number, start, _ := strings.Cut(string(text), " ")
	process, err := strconv.Atoi(number)
	if err != nil || start == "" || began(process) != start {
		return 0
	}
	return process
}

// began is when a process began, in the kernel's ticks; empty when there is none, or only a zombie.
func began(process int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", process))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	const startTime = 19 // the 22nd of all, and the first two are cut off
	if len(fields) <= startTime || fields[0] == "Z" {
		return ""
	}
	return fields[startTime]
}

// inNamespaces runs a command in the namespaces of a process, and passes signals on to it.
func inNamespaces(process int, state string, arguments []string) error {
	command := exec.Command("/proc/self/exe", append([]string{becomeCommand}, arguments...)...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	command.Env = append(os.Environ(), "KUBECONFIG="+filepath.Join(state, "kubeconfig"), stateVariable+"="+state)
	result := make(chan error)
	go func() {
		// This thread is never given back: its namespaces are not the program's.
		runtime.LockOSThread()
		if err := join(process); err != nil {
			result <- err
			return
		}
		result <- command.Run()
	}()
	return <-result
}

// runBecome becomes a command that dies with the process that entered. (Pdeathsig of os/exec would kill it at once: it
// looks for its parent, which is in another PID namespace.)
func runBecome(arguments []string) error {
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0, 0, 0); err != nil {
		return err
	}
	path, err := exec.LookPath(arguments[0])
	if err != nil {
		return err
	}
	return syscall.Exec(path, arguments, os.Environ())
}

func join(process int) error {
	// A thread that shares its root and working directory with others may not change its mounts.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return err
	}
	kinds := []struct {
		name string
		flag int
	}{{"net", unix.CLONE_NEWNET}, {"pid", unix.CLONE_NEWPID}, {"mnt", unix.CLONE_NEWNS}}
	directory, err := os.Getwd()
	if err != nil {
		return err
	}
	var handles []int
	for _, kind := range kinds {
		handle, err := unix.Open(fmt.Sprintf("/proc/%d/ns/%s", process, kind.name), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		handles = append(handles, handle)
	}
	for i, kind := range kinds {
		if err := unix.Setns(handles[i], kind.flag); err != nil {
			return fmt.Errorf("setns %s: %w", kind.name, err)
		}
	}
	return unix.Chdir(directory)
}

// prepareMounts gives the PID namespace its own /proc, seen only in this mount namespace.
func prepareMounts() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mounts: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("/proc: %w", err)
	}
	return nil
}

func lastLines(state string) string {
	const most = 20
	text, err := os.ReadFile(filepath.Join(state, "supervisor.log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}
