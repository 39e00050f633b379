// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"path/filepath"
	"sync"
	"time"

	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// node plays scheduler and kubelet for the one node of the cluster.
type node struct {
	client   kubernetes.Interface
	options  options
	programs *programs

	mutex sync.Mutex
	pods  map[types.UID]*pod
	used  map[string]bool

	following sync.Mutex
	unfollow  context.CancelFunc
}

func newNode(client kubernetes.Interface, chosen options) *node {
	return &node{
		client: client, options: chosen, programs: newPrograms(filepath.Join(chosen.state, "programs")),
		pods: map[types.UID]*pod{}, used: map[string]bool{},
	}
}

// run registers the node, serves logs, follows pods, calls ready once it does, and stops every pod at the end.
func (n *node) run(ctx context.Context, ready func() error) error {
	if err := n.register(ctx); err != nil {
		return fmt.Errorf("node: %w", err)
	}
	if err := n.serveLogs(ctx); err != nil {
		return fmt.Errorf("node: %w", err)
	}
	n.follow(ctx)
	if err := ready(); err != nil {
		return err
	}
	log.Printf("cluster: ready")
	<-ctx.Done()
	n.stopAll()
	return nil
}

// follow begins a new watch of all pods in place of the last, and returns when it has seen them all.
func (n *node) follow(ctx context.Context) {
	n.following.Lock()
	defer n.following.Unlock()
	if n.unfollow != nil {
		n.unfollow()
	}
	watching, cancel := context.WithCancel(ctx)
	n.unfollow = cancel
	factory := informers.NewSharedInformerFactory(n.client, 0)
	informer := factory.Core().V1().Pods().Informer()
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { n.observe(ctx, object) },
		UpdateFunc: func(_, object any) { n.observe(ctx, object) },
		DeleteFunc: n.forget,
	}); err != nil {
		log.Printf("node: %v", err)
		return
	}
	factory.Start(watching.Done())
	factory.WaitForCacheSync(watching.Done())
	n.forgetAllBut(informer.GetStore().List())
}

// forgetAllBut forgets the pods that were deleted while nobody watched.
func (n *node) forgetAllBut(objects []any) {
	there := map[types.UID]bool{}
	for _, object := range objects {
		if seen, ok := object.(*core.Pod); ok {
			there[seen.UID] = true
		}
	}
	n.mutex.Lock()
	var gone []*core.Pod
	for uid, each := range n.pods {
		if !there[uid] {
			gone = append(gone, each.object)
		}
	}
	n.mutex.Unlock()
	for _, object := range gone {
		n.forget(object)
	}
}

func (n *node) register(ctx context.Context) error {
	object := &core.Node{
		ObjectMeta: meta.ObjectMeta{Name: nodeName, Labels: map[string]string{
			"kubernetes.io/hostname": nodeName, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
		}},
		Spec: core.NodeSpec{PodCIDR: podPrefix + "0/24"},
	}
	created, err := n.client.CoreV1().Nodes().Create(ctx, object, meta.CreateOptions{})
	if err != nil {
		return err
	}
	created.Status = core.NodeStatus{
		Addresses:       []core.NodeAddress{{Type: core.NodeInternalIP, Address: nodeAddress}},
		DaemonEndpoints: core.NodeDaemonEndpoints{KubeletEndpoint: core.DaemonEndpoint{Port: kubeletPort}},
		Conditions: []core.NodeCondition{{
			Type: core.NodeReady, Status: core.ConditionTrue, Reason: "KubeletReady",
			LastHeartbeatTime: meta.Now(), LastTransitionTime: meta.Now(),
		}},
	}
	_, err = n.client.CoreV1().Nodes().UpdateStatus(ctx, created, meta.UpdateOptions{})
	return err
}

func (n *node) observe(ctx context.Context, object any) {
	seen, ok := object.(*core.Pod)
	if !ok {
		return
	}
	switch {
	case seen.Spec.NodeName == "" && seen.DeletionTimestamp == nil:
		go n.bind(ctx, seen)
	case seen.Spec.NodeName != nodeName:
	case seen.DeletionTimestamp != nil:
		go n.end(ctx, seen)
	default:
		n.begin(ctx, seen)
	}
}

func (n *node) bind(ctx context.Context, seen *core.Pod) {
	err := n.client.CoreV1().Pods(seen.Namespace).Bind(ctx, &core.Binding{
		ObjectMeta: meta.ObjectMeta{Name: seen.Name, Namespace: seen.Namespace, UID: seen.UID},
		Target:     core.ObjectReference{Kind: "Node", Name: nodeName},
	}, meta.CreateOptions{})
	if err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
		log.Printf("node: bind %s/%s: %v", seen.Namespace, seen.Name, err)
	}
}

func (n *node) begin(ctx context.Context, seen *core.Pod) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if n.pods[seen.UID] != nil {
		return
	}
	ip := n.freeAddress()
	if ip == nil {
		log.Printf("node: no address left for %s/%s", seen.Namespace, seen.Name)
		return
	}
	own, cancel := context.WithCancel(ctx)
	begun := &pod{node: n, object: seen.DeepCopy(), ip: ip, cancel: cancel, done: make(chan struct{})}
	n.pods[seen.UID] = begun
	go begun.run(own)
}

// freeAddress is called with the mutex held.
func (n *node) freeAddress() net.IP {
	for last := 2; last < 255; last++ {
		text := fmt.Sprintf("%s%d", podPrefix, last)
		if !n.used[text] {
			n.used[text] = true
			return net.ParseIP(text).To4()
		}
	}
	return nil
}

// end stops a pod that is being deleted, and then lets the API server forget it.
func (n *node) end(ctx context.Context, seen *core.Pod) {
	n.forget(seen)
	now := int64(0)
	err := n.client.CoreV1().Pods(seen.Namespace).Delete(ctx, seen.Name, meta.DeleteOptions{
		GracePeriodSeconds: &now,
		Preconditions:      &meta.Preconditions{UID: &seen.UID},
	})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		log.Printf("node: delete %s/%s: %v", seen.Namespace, seen.Name, err)
	}
}

func (n *node) forget(object any) {
	if tombstone, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = tombstone.Obj
	}
	seen, ok := object.(*core.Pod)
	if !ok {
		return
	}
	n.mutex.Lock()
	known := n.pods[seen.UID]
	n.mutex.Unlock()
	if known == nil {
		return
	}
	known.cancel()
	<-known.done
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if n.pods[seen.UID] == known {
		delete(n.pods, seen.UID)
		delete(n.used, known.ip.String())
	}
}

func (n *node) stopAll() {
	n.mutex.Lock()
	all := make([]*pod, 0, len(n.pods))
	for _, each := range n.pods {
		all = append(all, each)
	}
	n.mutex.Unlock()
	for _, each := range all {
		each.cancel()
	}
	for _, each := range all {
		select {
		case <-each.done:
		case <-time.After(stopPatience):
		}
	}
}
