// SPDX-License-Identifier: Apache-2.0

// Command supervisor is a Kubernetes cluster on one machine, for tests: etcd, a real kube-apiserver, a real
// kube-controller-manager, and one node that runs each Pod as a local process with an address of its own. Everything lives
// in one unnamed network namespace without uplink and dies with this process, however it dies.
//
// It must be started in a fresh network namespace (unshare --net, or CLONE_NEWNET).
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
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
)

// options are the supervisor's flags.
type options struct {
	bin   string
	state string
	// images maps an image, by its repository without tag, to a program on this machine.
	images map[string]image
}

// image is a program that stands for a container image.
type image struct {
	Path string   `json:"path"`
	Args []string `json:"args,omitempty"`
}

func main() {
	log.SetFlags(log.Ltime | log.Lmicroseconds)
	if len(os.Args) > 1 && inner[os.Args[1]] != nil {
		log.Fatal(inner[os.Args[1]](os.Args[2:]))
	}
	chosen := parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, chosen); err != nil {
		log.Fatalf("cluster: %v", err)
	}
}

func parse() options {
	bin := flag.String("bin", "", "the folder with the programs etcd and controlplane")
	state := flag.String("state", "", "the folder for data, logs and the kubeconfig; emptied at the start")
	images := flag.String("images", "", "a JSON file: image repository to {path, args}")
	flag.Parse()
	if *bin == "" || *state == "" {
		log.Fatal("cluster: --bin and --state are required")
	}
	chosen := options{bin: *bin, state: *state, images: map[string]image{}}
	if *images != "" {
		text, err := os.ReadFile(*images)
		if err == nil {
			err = json.Unmarshal(text, &chosen.images)
		}
		if err != nil {
			log.Fatalf("cluster: --images: %v", err)
		}
	}
	return chosen
}

func run(ctx context.Context, chosen options) error {
	if err := prepareNetwork(); err != nil {
		return fmt.Errorf("network: %w", err)
	}
	plane := &processes{bin: chosen.bin, state: chosen.state}
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
	if err := plane.startControllers(kubeconfig); err != nil {
		return err
	}
	node := newNode(client, chosen)
	if err := node.run(ctx, func() error {
		// The file appears last: whoever waits for it finds a cluster that answers.
		return os.WriteFile(filepath.Join(chosen.state, "ready"), []byte(fmt.Sprint(os.Getpid())), 0o600)
	}); err != nil {
		return err
	}
	return nil
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
