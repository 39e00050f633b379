// SPDX-License-Identifier: Apache-2.0

// Command echo is the backend of tests' Pods: it answers every request with what it received and who it is.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"
	"strconv"
	"time"
)

// answer is what a client gets.
type answer struct {
	Pod       string              `json:"pod"`
	Namespace string              `json:"namespace"`
	Method    string              `json:"method"`
	Host      string              `json:"host"`
	Path      string              `json:"path"`
	Headers   map[string][]string `json:"headers"`
}

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	log.Printf("listening on port %s", port)
	log.Fatal(http.ListenAndServe(":"+port, http.HandlerFunc(echo)))
}

// echo waits for ?wait=MILLISECONDS before it answers, so that a test can change things under a request in flight.
func echo(writer http.ResponseWriter, request *http.Request) {
	if wait, err := strconv.Atoi(request.URL.Query().Get("wait")); err == nil {
		time.Sleep(time.Duration(min(wait, 60_000)) * time.Millisecond)
	}
	writer.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(writer).Encode(answer{
		Pod: os.Getenv("POD_NAME"), Namespace: os.Getenv("POD_NAMESPACE"),
		Method: request.Method, Host: request.Host, Path: request.URL.Path, Headers: request.Header,
	})
}
