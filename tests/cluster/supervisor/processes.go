// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// processes are etcd, kube-apiserver and kube-controller-manager.
type processes struct {
	bin   string
	state string
	all   []*exec.Cmd
}

func (p *processes) startAPI(_ context.Context) error {
	for _, folder := range []string{"etcd", "certs", "pods"} {
		if err := os.RemoveAll(filepath.Join(p.state, folder)); err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(p.state, folder), 0o700); err != nil {
			return err
		}
	}
	_ = os.Remove(filepath.Join(p.state, "ready"))
	if err := p.start("etcd", "etcd", "--data-dir="+filepath.Join(p.state, "etcd")); err != nil {
		return err
	}
	key := filepath.Join(p.state, "certs", "service-account.key")
	if err := writeKey(key); err != nil {
		return err
	}
	tokens := filepath.Join(p.state, "certs", "tokens.csv")
	line := adminToken + `,admin,admin,"system:masters"` + "\n"
	if err := os.WriteFile(tokens, []byte(line), 0o600); err != nil {
		return err
	}
	return p.start("apiserver", "controlplane", "apiserver",
		"--etcd-servers=http://127.0.0.1:2379",
		"--bind-address="+nodeAddress, "--advertise-address="+nodeAddress, "--secure-port="+apiPort,
		"--cert-dir="+filepath.Join(p.state, "certs"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+key, "--service-account-signing-key-file="+key,
		"--service-cluster-ip-range="+serviceRange, "--token-auth-file="+tokens,
		"--authorization-mode=RBAC", "--endpoint-reconciler-type=none",
		"--disable-admission-plugins=ServiceAccount", "--kubelet-preferred-address-types=InternalIP",
		"--enable-priority-and-fairness=false", "--v=1")
}

func (p *processes) startControllers(kubeconfig string) error {
	controllers := []string{
		"deployment-controller", "replicaset-controller", "endpointslice-controller", "namespace-controller",
		"garbage-collector-controller", "serviceaccount-controller", "disruption-controller",
	}
	return p.start("controller-manager", "controlplane", "controller-manager", "--kubeconfig="+kubeconfig,
		"--controllers="+strings.Join(controllers, ","), "--leader-elect=false",
		"--use-service-account-credentials=false", "--kube-api-qps=250", "--kube-api-burst=500",
		"--endpointslice-updates-batch-period=0s", "--bind-address="+nodeAddress)
}

// start runs a program that dies with this one and writes to NAME.log.
func (p *processes) start(name, program string, args ...string) error {
	file, err := os.Create(filepath.Join(p.state, name+".log"))
	if err != nil {
		return err
	}
	command := exec.Command(filepath.Join(p.bin, program), args...)
	command.Stdout, command.Stderr = file, file
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := startOnThread(command); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	p.all = append(p.all, command)
	return nil
}

func (p *processes) stop() {
	for i := len(p.all) - 1; i >= 0; i-- {
		command := p.all[i]
		_ = command.Process.Signal(syscall.SIGTERM)
		ended := make(chan struct{})
		go func() {
			_ = command.Wait()
			close(ended)
		}()
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
