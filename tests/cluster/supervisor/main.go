// SPDX-License-Identifier: Apache-2.0

// Command supervisor is a Kubernetes cluster on one machine, for tests: etcd, a real kube-apiserver, a real
// kube-controller-manager, and one node that runs each Pod as a local process with an address of its own.
//
//	supervisor start --state DIR …            starts a cluster and returns when it answers
//	supervisor enter --state DIR -- COMMAND   runs a command in it
//	supervisor status --state DIR             succeeds while there is one
//	supervisor stop --state DIR               ends it and removes DIR
//	supervisor once --state DIR … -- COMMAND  all three; the cluster dies with this process, however that dies
//
// The cluster's first process (serve) is the first of a PID namespace, so the kernel ends everything with it, and of an
// unnamed network namespace without uplink, so nothing reaches another machine and nothing is left behind.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Addresses of the cluster; only this namespace can reach them.
const (
	nodeAddress    = "10.244.0.1"
	bridgeCIDR     = "10.244.0.1/16"
	podPrefix      = "10.244.1."
	gatewayPool    = "10.250.0.0/24"
	serviceRange   = "10.96.0.0/16"
	apiPort        = "6443"
	kubeletPort    = 10250
	adminToken     = "postern-test-admin"
	readyTimeout   = 60 * time.Second
	nodeName       = "node-0"
	clientQPS      = 400
	clientBurst    = 800
	stopPatience   = 3 * time.Second
	startPollPause = 50 * time.Millisecond
	exitUsage      = 64
	serveCommand   = "serve"
	// Names of processes, and of their files.
	apiServer         = "apiserver"
	controllerManager = "controller-manager"
	becomeCommand     = "become"
)

// options are the supervisor's flags.
type options struct {
	etcd         string
	controlplane string
	state        string
	// images maps an image, by its repository without tag, to a program on this machine.
	images map[string]image
}

// image is a program that stands for a container image.
type image struct {
	Path string   `json:"path"`
	Args []string `json:"args,omitempty"`
}

var commands = map[string]func([]string) error{
	"start": runStart, "stop": runStop, "status": runStatus, "enter": runEnter, "once": runOnce, serveCommand: runServe,
	podPause: runPause, podExec: runExec, becomeCommand: runBecome,
}

func main() {
	log.SetFlags(log.Ltime | log.Lmicroseconds)
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: supervisor start|stop|enter|once --state DIR [flags] [-- COMMAND]")
		os.Exit(exitUsage)
	}
	err := commands[os.Args[1]](os.Args[2:])
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		// The command's own end, not ours.
		os.Exit(max(ended.ExitCode(), 1))
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "cluster: %v\n", err)
		os.Exit(1)
	}
}

// parse reads the flags of a command, and returns what stands after them.
func parse(name string, arguments []string) (options, []string, error) {
	chosen := options{images: map[string]image{}}
	flags := flag.NewFlagSet(name, flag.ExitOnError)
	flags.StringVar(&chosen.etcd, "etcd", "", "the program etcd")
	flags.StringVar(&chosen.controlplane, "controlplane", "", "the program with kube-apiserver and kube-controller-manager")
	flags.StringVar(&chosen.state, "state", "", "the folder for data, logs and the kubeconfig; emptied at the start")
	images := flags.String("images", "", "a JSON file: image repository to {path, args}")
	if err := flags.Parse(arguments); err != nil {
		return chosen, nil, err
	}
	if chosen.state == "" {
		return chosen, nil, errors.New("--state is required")
	}
	if *images != "" {
		text, err := os.ReadFile(*images)
		if err == nil {
			err = json.Unmarshal(text, &chosen.images)
		}
		if err != nil {
			return chosen, nil, fmt.Errorf("--images: %w", err)
		}
	}
	return chosen, flags.Args(), nil
}

// runServe is the cluster itself: the first process of its namespaces.
func runServe(arguments []string) error {
	chosen, _, err := parse(serveCommand, arguments)
	if err != nil {
		return err
	}
	if err := prepareMounts(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return run(ctx, chosen)
}

func run(ctx context.Context, chosen options) error {
	if err := prepareNetwork(); err != nil {
		return fmt.Errorf("network: %w", err)
	}
	plane := &processes{options: chosen, again: make(chan struct{}, 1)}
	defer plane.stop()
	if err := plane.startAPI(ctx); err != nil {
		return err
	}
	config := &rest.Config{
		Host:        "https://" + nodeAddress + ":" + apiPort,
		BearerToken: adminToken,
		QPS:         clientQPS,
		Burst:       clientBurst,
		TLSClientConfig: rest.TLSClientConfig{
			CAFile: filepath.Join(chosen.state, "certs", "apiserver.crt"),
		},
	}
	if err := waitFile(ctx, config.CAFile); err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	kubeconfig := filepath.Join(chosen.state, "kubeconfig")
	if err := waitReady(ctx, client); err != nil {
		return err
	}
	if err := writeKubeconfig(kubeconfig, config); err != nil {
		return err
	}
	if err := plane.startControllers(ctx, kubeconfig); err != nil {
		return err
	}
	node := newNode(client, chosen)
	go refresh(ctx, client, plane, node)
	if err := node.run(ctx, func() error {
		// The file appears last: whoever waits for it finds a cluster that answers.
		return os.WriteFile(filepath.Join(chosen.state, "ready"), []byte("ready\n"), 0o600)
	}); err != nil {
		return err
	}
	return nil
}

// refresh begins all watches anew when kube-apiserver is back: those that were broken off wait up to a minute before they
// try again, which is right for a cluster and long for a test.
func refresh(ctx context.Context, client kubernetes.Interface, plane *processes, node *node) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-plane.again:
		}
		if err := waitReady(ctx, client); err != nil {
			log.Print(err)
			continue
		}
		plane.restart(controllerManager)
		node.follow(ctx)
	}
}

func waitReady(ctx context.Context, client kubernetes.Interface) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		answer := client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx)
		if answer.Error() == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("kube-apiserver is not ready (see apiserver.log): %w", answer.Error())
		case <-time.After(startPollPause):
		}
	}
}

// waitFile waits for kube-apiserver to write its own certificate.
func waitFile(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		if _, err := os.Stat(path); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("kube-apiserver did not start (see apiserver.log): no %s", path)
		case <-time.After(startPollPause):
		}
	}
}

func writeKubeconfig(path string, config *rest.Config) error {
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: test
clusters: [{name: test, cluster: {server: %q, certificate-authority: %q}}]
users: [{name: admin, user: {token: %q}}]
contexts: [{name: test, context: {cluster: test, user: admin}}]
`, config.Host, config.CAFile, config.BearerToken)
	return os.WriteFile(path, []byte(text), 0o600)
}
