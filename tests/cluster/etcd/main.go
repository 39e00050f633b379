// SPDX-License-Identifier: Apache-2.0

// Command etcd is a single etcd member for tests: on loopback, without fsync, gone with its directory. A module of its
// own, because etcd's server and kube-apiserver disagree on versions of their common dependencies.
package main

import (
	"flag"
	"log"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"go.etcd.io/etcd/server/v3/embed"
)

func main() {
	directory := flag.String("data-dir", "", "where the data lives; a temporary file system is best")
	client := flag.String("listen-client-url", "http://127.0.0.1:2379", "where clients connect")
	peer := flag.String("listen-peer-url", "http://127.0.0.1:2380", "where peers would connect")
	flag.Parse()
	if *directory == "" {
		log.Fatal("etcd: --data-dir is required")
	}
	config := embed.NewConfig()
	config.Dir = *directory
	config.UnsafeNoFsync = true
	config.LogLevel = "error"
	config.ListenClientUrls = []url.URL{parse(*client)}
	config.AdvertiseClientUrls = config.ListenClientUrls
	config.ListenPeerUrls = []url.URL{parse(*peer)}
	config.AdvertisePeerUrls = config.ListenPeerUrls
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		log.Fatalf("etcd: %v", err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	select {
	case <-stop:
		etcd.Close()
	case err := <-etcd.Err():
		log.Fatalf("etcd: %v", err)
	}
}

func parse(text string) url.URL {
	parsed, err := url.Parse(text)
	if err != nil {
		log.Fatalf("etcd: %s: %v", text, err)
	}
	return *parsed
}
