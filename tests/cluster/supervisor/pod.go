// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const retryPause = 200 * time.Millisecond

// pod runs one Pod: a process that holds its network namespace, and one process for each container.
type pod struct {
	node   *node
	object *core.Pod
	ip     net.IP
	cancel context.CancelFunc
	done   chan struct{}
	mutex  sync.Mutex
	states map[string]*containerState
}

type containerState struct {
	running  bool
	ready    bool
	restarts int32
	reason   string
}

func (p *pod) run(ctx context.Context) {
	defer close(p.done)
	p.states = map[string]*containerState{}
	for _, container := range p.object.Spec.Containers {
		p.states[container.Name] = &containerState{reason: "ContainerCreating"}
	}
	pause, err := p.holdNamespace()
	if err != nil {
		log.Printf("pod %s/%s: %v", p.object.Namespace, p.object.Name, err)
		return
	}
	defer func() {
		_ = pause.Process.Kill()
		_ = pause.Wait()
	}()
	var group sync.WaitGroup
	for i := range p.object.Spec.Containers {
		group.Go(func() { p.keep(ctx, &p.object.Spec.Containers[i], pause.Process.Pid) })
	}
	group.Wait()
}

// holdNamespace starts the process whose network namespace the containers join, and gives it the pod's address.
func (p *pod) holdNamespace() (*exec.Cmd, error) {
	gateRead, gateWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer gateRead.Close()
	defer gateWrite.Close()
	doneRead, doneWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer doneRead.Close()
	pause := exec.Command("/proc/self/exe", podPause, p.ip.String())
	pause.ExtraFiles = []*os.File{gateRead, doneWrite}
	pause.Stderr = os.Stderr
	pause.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	err = startOnThread(pause)
	_ = doneWrite.Close()
	if err != nil {
		return nil, err
	}
	if err := attach(pause.Process.Pid, p.ip); err != nil {
		_ = pause.Process.Kill()
		return nil, err
	}
	_, _ = gateWrite.Write([]byte{1})
	if n, _ := doneRead.Read(make([]byte, 1)); n != 1 {
		_ = pause.Process.Kill()
		return nil, fmt.Errorf("the pod's namespace could not be configured")
	}
	return pause, nil
}

// keep runs a container again and again, as restartPolicy Always asks, until the pod ends.
func (p *pod) keep(ctx context.Context, container *core.Container, namespace int) {
	for ctx.Err() == nil {
		err := p.once(ctx, container, namespace)
		p.change(ctx, container.Name, func(state *containerState) {
			state.running, state.ready = false, false
			state.restarts++
			state.reason = "CrashLoopBackOff"
			if err != nil {
				state.reason = err.Error()
			}
		})
		select {
		case <-ctx.Done():
		case <-time.After(retryPause):
		}
	}
}

func (p *pod) once(ctx context.Context, container *core.Container, namespace int) error {
	known, ok := p.node.options.images[repository(container.Image)]
	if !ok {
		p.change(ctx, container.Name, func(state *containerState) { state.reason = "ErrImagePull" })
		<-ctx.Done()
		return nil
	}
	root, err := p.makeRoot(ctx, container)
	if err != nil {
		return err
	}
	logFile, err := os.OpenFile(p.logPath(container.Name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer logFile.Close()
	arguments := append([]string{podExec, fmt.Sprint(namespace), root, p.user(container), known.Path}, known.Args...)
	arguments = append(arguments, container.Args...)
	command := exec.Command("/proc/self/exe", arguments...)
	command.Env = p.environment(container)
	stamped := &stamper{file: logFile}
	command.Stdout, command.Stderr = stamped, stamped
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := startOnThread(command); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		_ = command.Wait()
		close(ended)
	}()
	p.change(ctx, container.Name, func(state *containerState) { state.running, state.reason = true, "" })
	probing, stopProbing := context.WithCancel(ctx)
	defer stopProbing()
	go p.probe(probing, container)
	select {
	case <-ended:
	case <-ctx.Done():
		p.terminate(command, ended)
	}
	return nil
}

func (p *pod) terminate(command *exec.Cmd, ended chan struct{}) {
	_ = command.Process.Signal(syscall.SIGTERM)
	patience := stopPatience
	if grace := p.object.Spec.TerminationGracePeriodSeconds; grace != nil && time.Duration(*grace)*time.Second > patience {
		patience = time.Duration(*grace) * time.Second
	}
	select {
	case <-ended:
	case <-time.After(patience):
		_ = command.Process.Kill()
		<-ended
	}
}

// user is the user that the container's or the Pod's security context names, or root.
func (p *pod) user(container *core.Container) string {
	if own := container.SecurityContext; own != nil && own.RunAsUser != nil {
		return fmt.Sprint(*own.RunAsUser)
	}
	if all := p.object.Spec.SecurityContext; all != nil && all.RunAsUser != nil {
		return fmt.Sprint(*all.RunAsUser)
	}
	return "0"
}

// change alters a container's state and reports the pod's.
func (p *pod) change(ctx context.Context, name string, alter func(*containerState)) {
	p.mutex.Lock()
	alter(p.states[name])
	status := p.status()
	p.mutex.Unlock()
	patch, err := json.Marshal(map[string]any{"status": status})
	if err != nil {
		return
	}
	_, err = p.node.client.CoreV1().Pods(p.object.Namespace).Patch(ctx, p.object.Name,
		types.StrategicMergePatchType, patch, meta.PatchOptions{}, "status")
	if err != nil && ctx.Err() == nil {
		log.Printf("pod %s/%s: status: %v", p.object.Namespace, p.object.Name, err)
	}
}

func (p *pod) status() core.PodStatus {
	ready, running := core.ConditionTrue, true
	var containers []core.ContainerStatus
	for _, container := range p.object.Spec.Containers {
		state := p.states[container.Name]
		status := core.ContainerStatus{
			Name: container.Name, Image: container.Image, ImageID: container.Image,
			Ready: state.ready, RestartCount: state.restarts,
		}
		if state.running {
			status.State.Running = &core.ContainerStateRunning{StartedAt: meta.Now()}
		} else {
			running = false
			status.State.Waiting = &core.ContainerStateWaiting{Reason: state.reason}
		}
		if !state.ready {
			ready = core.ConditionFalse
		}
		containers = append(containers, status)
	}
	phase := core.PodPending
	if running {
		phase = core.PodRunning
	}
	var conditions []core.PodCondition
	for _, kind := range []core.PodConditionType{core.PodScheduled, core.PodInitialized, core.ContainersReady, core.PodReady} {
		value := ready
		if kind == core.PodScheduled || kind == core.PodInitialized {
			value = core.ConditionTrue
		}
		conditions = append(conditions, core.PodCondition{Type: kind, Status: value, LastTransitionTime: meta.Now()})
	}
	return core.PodStatus{
		Phase: phase, PodIP: p.ip.String(), PodIPs: []core.PodIP{{IP: p.ip.String()}}, HostIP: nodeAddress,
		Conditions: conditions, ContainerStatuses: containers,
	}
}

func (p *pod) logPath(container string) string {
	return filepath.Join(p.node.options.state, "pods", string(p.object.UID)+"-"+container+".log")
}

// repository is an image's name without tag and digest.
func repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if colon := strings.LastIndex(image, ":"); colon > strings.LastIndex(image, "/") {
		image = image[:colon]
	}
	return image
}
