// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// serveLogs is the part of a kubelet that `kubectl logs` asks.
func (n *node) serveLogs(ctx context.Context) error {
	certificate, err := selfSigned()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("%s:%d", nodeAddress, kubeletPort))
	if err != nil {
		return err
	}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", n.logs)
	server := &http.Server{Handler: routes, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}}}
	go func() { _ = server.ServeTLS(listener, "", "") }()
	context.AfterFunc(ctx, func() { _ = server.Close() })
	return nil
}

func (n *node) logs(writer http.ResponseWriter, request *http.Request) {
	path := n.findLog(request.PathValue("namespace"), request.PathValue("pod"), request.PathValue("container"))
	file, err := os.Open(path)
	if err != nil {
		http.Error(writer, "no such container", http.StatusNotFound)
		return
	}
	defer file.Close()
	since, _ := time.Parse(time.RFC3339, request.URL.Query().Get("sinceTime"))
	if seconds, err := strconv.Atoi(request.URL.Query().Get("sinceSeconds")); err == nil {
		since = time.Now().Add(-time.Duration(seconds) * time.Second)
	}
	var lines []string
	scanner := bufio.NewScanner(file)
	for scanner.Scan() {
		stamp, text, _ := strings.Cut(scanner.Text(), " ")
		if at, err := time.Parse(time.RFC3339Nano, stamp); err == nil && !at.Before(since) {
			lines = append(lines, text)
		}
	}
	if tail, err := strconv.Atoi(request.URL.Query().Get("tailLines")); err == nil && tail < len(lines) {
		lines = lines[len(lines)-tail:]
	}
	for _, line := range lines {
		_, _ = fmt.Fprintln(writer, line)
	}
}

func (n *node) findLog(namespace, name, container string) string {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	for _, each := range n.pods {
		if each.object.Namespace == namespace && each.object.Name == name {
			return each.logPath(container)
		}
	}
	return ""
}

func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.ParseIP(nodeAddress)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
