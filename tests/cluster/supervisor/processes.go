// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// processes are etcd, kube-apiserver and kube-controller-manager.
// A test ends one of them with a signal (its id is in NAME.pid); it is started again at once, or, while a file NAME.hold
// exists, when that is gone.
type processes struct {
	options options
	// again gets a word whenever kube-apiserver was started again.
	again  chan struct{}
	ending atomic.Bool
	all    []*process
}

type process struct {
	name    string
	mutex   sync.Mutex
	command *exec.Cmd
	ended   chan struct{}
}

func (p *processes) startAPI(ctx context.Context) error {
	for _, folder := range []string{"etcd", "certs", "pods"} {
		if err := os.RemoveAll(filepath.Join(p.options.state, folder)); err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(p.options.state, folder), 0o700); err != nil {
			return err
		}
	}
	_ = os.Remove(filepath.Join(p.options.state, "ready"))
	if err := p.start(ctx, "etcd", p.options.etcd, "--data-dir="+filepath.Join(p.options.state, "etcd")); err != nil {
		return err
	}
	key := filepath.Join(p.options.state, "certs", "service-account.key")
	if err := writeKey(key); err != nil {
		return err
	}
	tokens := filepath.Join(p.options.state, "certs", "tokens.csv")
	line := adminToken + `,admin,admin,"system:masters"` + "\n"
	if err := os.WriteFile(tokens, []byte(line), 0o600); err != nil {
		return err
	}
	return p.start(ctx, apiServer, p.options.controlplane, "apiserver",
		"--etcd-servers=http://127.0.0.1:2379",
		"--bind-address="+nodeAddress, "--advertise-address="+nodeAddress, "--secure-port="+apiPort,
		"--cert-dir="+filepath.Join(p.options.state, "certs"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+key, "--service-account-signing-key-file="+key,
		"--service-cluster-ip-range="+serviceRange, "--token-auth-file="+tokens,
		"--authorization-mode=RBAC", "--endpoint-reconciler-type=none",
		"--disable-admission-plugins=ServiceAccount", "--kubelet-preferred-address-types=InternalIP",
		"--enable-priority-and-fairness=false", "--v=1")
}

func (p *processes) startControllers(ctx context.Context, kubeconfig string) error {
	controllers := []string{
		"deployment-controller", "replicaset-controller", "endpointslice-controller", "namespace-controller",
		"garbage-collector-controller", "serviceaccount-controller", "disruption-controller",
	}
	return p.start(ctx, controllerManager, p.options.controlplane, "controller-manager", "--kubeconfig="+kubeconfig,
		"--controllers="+strings.Join(controllers, ","), "--leader-elect=false",
		"--use-service-account-credentials=false", "--kube-api-qps=250", "--kube-api-burst=500",
		"--endpointslice-updates-batch-period=0s", "--bind-address="+nodeAddress)
}

// start runs a program that dies with this one and writes to NAME.log, and starts it again whenever it ends.
func (p *processes) start(ctx context.Context, name, program string, args ...string) error {
	file, err := os.Create(filepath.Join(p.options.state, name+".log"))
	if err != nil {
		return err
	}
	kept := &process{name: name}
	begin := func() error {
		command := exec.Command(program, args...)
		command.Stdout, command.Stderr = file, file
		command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := startOnThread(command); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		ended := make(chan struct{})
		go func() {
			_ = command.Wait()
			close(ended)
		}()
		kept.mutex.Lock()
		kept.command, kept.ended = command, ended
		kept.mutex.Unlock()
		id := []byte(fmt.Sprint(command.Process.Pid))
		return os.WriteFile(filepath.Join(p.options.state, name+".pid"), id, 0o600)
	}
	if err := begin(); err != nil {
		return err
	}
	p.all = append(p.all, kept)
	go p.keep(ctx, name, kept, begin)
	return nil
}

func (p *processes) keep(ctx context.Context, name string, kept *process, begin func() error) {
	hold := filepath.Join(p.options.state, name+".hold")
	for {
		<-kept.ended
		for fileExists(hold) && ctx.Err() == nil {
			time.Sleep(startPollPause)
		}
		if ctx.Err() != nil || p.ending.Load() {
			return
		}
		log.Printf("%s ended and is started again", name)
		if err := begin(); err != nil {
			log.Print(err)
			return
		}
		if name == apiServer {
			select {
			case p.again <- struct{}{}:
			default: // it is known already
			}
		}
		time.Sleep(startPollPause)
	}
}

// restart ends a process, which is then started again.
func (p *processes) restart(name string) {
	for _, kept := range p.all {
		if kept.name == name {
			kept.mutex.Lock()
			_ = kept.command.Process.Kill()
			kept.mutex.Unlock()
		}
	}
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (p *processes) stop() {
	p.ending.Store(true)
	for i := len(p.all) - 1; i >= 0; i-- {
		kept := p.all[i]
		kept.mutex.Lock()
		command, ended := kept.command, kept.ended
		kept.mutex.Unlock()
		// A stopped process takes no SIGTERM.
		_ = command.Process.Signal(syscall.SIGCONT)
		_ = command.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(stopPatience):
			_ = command.Process.Kill()
		}
	}
}

// startOnThread starts a command from a thread that lives as long as the process: the parent-death signal is the
// thread's, and Go ends idle threads.
func startOnThread(command *exec.Cmd) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		started <- command.Start()
		if command.Process != nil {
			select {} // keeps the thread
		}
	}()
	return <-started
}

func writeKey(path string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	return os.WriteFile(path, pem.EncodeToMemory(block), 0o600)
}
