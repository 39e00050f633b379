// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	authentication "k8s.io/api/authentication/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	tokenFolder  = "var/run/secrets/kubernetes.io/serviceaccount"
	probePause   = 100 * time.Millisecond
	probeTimeout = time.Second
)

// environment is the container's, with fieldRefs resolved and the API server's address where pods look for it.
func (p *pod) environment(container *core.Container) []string {
	fields := map[string]string{
		"metadata.name": p.object.Name, "metadata.namespace": p.object.Namespace, "metadata.uid": string(p.object.UID),
		"status.podIP": p.ip.String(), "status.hostIP": nodeAddress, "spec.nodeName": nodeName,
	}
	environment := []string{
		"KUBERNETES_SERVICE_HOST=" + nodeAddress, "KUBERNETES_SERVICE_PORT=" + apiPort, "PATH=/", "HOSTNAME=" + p.object.Name,
	}
	for _, variable := range container.Env {
		value := variable.Value
		if from := variable.ValueFrom; from != nil && from.FieldRef != nil {
			value = fields[from.FieldRef.FieldPath]
		}
		environment = append(environment, variable.Name+"="+value)
	}
	return environment
}

// makeRoot makes the container's root folder: its program, its volumes, its token.
func (p *pod) makeRoot(ctx context.Context, container *core.Container) (string, error) {
	root := filepath.Join(p.node.options.state, "pods", string(p.object.UID)+"-"+container.Name)
	for _, folder := range []string{"tmp", "etc", "dev"} {
		if err := os.MkdirAll(filepath.Join(root, folder), 0o755); err != nil {
			return "", err
		}
	}
	program := p.node.options.images[repository(container.Image)].Path
	if err := p.node.programs.place(program, root); err != nil {
		return "", err
	}
	for _, mount := range container.VolumeMounts {
		for _, volume := range p.object.Spec.Volumes {
			if volume.Name != mount.Name {
				continue
			}
			if err := p.fill(ctx, volume, filepath.Join(root, mount.MountPath)); err != nil {
				return "", err
			}
		}
	}
	return root, p.placeToken(ctx, root)
}

func (p *pod) fill(ctx context.Context, volume core.Volume, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	files, items := map[string][]byte{}, []core.KeyToPath(nil)
	switch {
	case volume.Secret != nil:
		secret, err := p.node.client.CoreV1().Secrets(p.object.Namespace).Get(ctx, volume.Secret.SecretName, meta.GetOptions{})
		if err != nil {
			return err
		}
		files, items = secret.Data, volume.Secret.Items
	case volume.ConfigMap != nil:
		configMap, err := p.node.client.CoreV1().ConfigMaps(p.object.Namespace).Get(ctx, volume.ConfigMap.Name, meta.GetOptions{})
		if err != nil {
			return err
		}
		for name, text := range configMap.Data {
			files[name] = []byte(text)
		}
		items = volume.ConfigMap.Items
	}
	if len(items) == 0 {
		for name := range files {
			items = append(items, core.KeyToPath{Key: name, Path: name})
		}
	}
	for _, item := range items {
		path := filepath.Join(folder, item.Path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, files[item.Key], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// placeToken does what the ServiceAccount admission and the token controller do for a real kubelet.
func (p *pod) placeToken(ctx context.Context, root string) error {
	account := p.object.Spec.ServiceAccountName
	if account == "" {
		return nil
	}
	seconds := int64(24 * 3600)
	answer, err := p.node.client.CoreV1().ServiceAccounts(p.object.Namespace).CreateToken(ctx, account,
		&authentication.TokenRequest{Spec: authentication.TokenRequestSpec{ExpirationSeconds: &seconds}}, meta.CreateOptions{})
	if err != nil {
		return err
	}
	folder := filepath.Join(root, tokenFolder)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	authority, err := os.ReadFile(filepath.Join(p.node.options.state, "certs", "apiserver.crt"))
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{
		"token": []byte(answer.Status.Token), "ca.crt": authority, "namespace": []byte(p.object.Namespace),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// probe reports the container ready while its readiness probe, or else its first port, answers.
func (p *pod) probe(ctx context.Context, container *core.Container) {
	last := false
	for ctx.Err() == nil {
		ready := p.answers(ctx, container)
		if ready != last && ctx.Err() == nil {
			last = ready
			p.change(ctx, container.Name, func(state *containerState) { state.ready = ready })
		}
		select {
		case <-ctx.Done():
		case <-time.After(probePause):
		}
	}
}

func (p *pod) answers(ctx context.Context, container *core.Container) bool {
	if probe := container.ReadinessProbe; probe != nil && probe.HTTPGet != nil {
		port := probe.HTTPGet.Port.IntValue()
		for _, named := range container.Ports {
			if named.Name == probe.HTTPGet.Port.StrVal {
				port = int(named.ContainerPort)
			}
		}
		url := fmt.Sprintf("http://%s:%d%s", p.ip, port, probe.HTTPGet.Path)
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return false
		}
		client := http.Client{Timeout: probeTimeout, Transport: &http.Transport{
			DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		}}
		answer, err := client.Do(request)
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode < http.StatusBadRequest
	}
	if len(container.Ports) == 0 || container.Ports[0].Protocol == core.ProtocolUDP {
		return true
	}
	address := net.JoinHostPort(p.ip.String(), fmt.Sprint(container.Ports[0].ContainerPort))
	connection, err := net.DialTimeout("tcp", address, probeTimeout)
	if err != nil {
		return false
	}
	_ = connection.Close()
	return true
}

// stamper writes lines with a time in front, as container logs have it.
type stamper struct {
	mutex sync.Mutex
	file  *os.File
	rest  []byte
}

func (s *stamper) Write(data []byte) (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.rest = append(s.rest, data...)
	for {
		line, after, found := bytes.Cut(s.rest, []byte("\n"))
		if !found {
			return len(data), nil
		}
		if _, err := fmt.Fprintf(s.file, "%s %s\n", time.Now().UTC().Format(time.RFC3339Nano), line); err != nil {
			return 0, err
		}
		s.rest = after
	}
}
