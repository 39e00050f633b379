// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/vishvananda/netlink"
)

const bridgeName = "br0"

// prepareNetwork makes the bridge that pods hang on, and a pool of addresses that gateways may bind.
func prepareNetwork() error {
	if err := up("lo"); err != nil {
		return err
	}
	links, err := netlink.LinkList()
	if err != nil {
		return err
	}
	if len(links) > 1 {
		return errors.New("not a fresh network namespace")
	}
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridgeName}}
	if err := netlink.LinkAdd(bridge); err != nil {
		return fmt.Errorf("bridge: %w", err)
	}
	address, err := netlink.ParseAddr(bridgeCIDR)
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(bridge, address); err != nil {
		return fmt.Errorf("bridge address: %w", err)
	}
	if err := up(bridgeName); err != nil {
		return err
	}
	return addPool()
}

// addPool makes every address of the pool local ("AnyIP"), so that a gateway can bind one without further ado.
func addPool() error {
	loopback, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	_, pool, err := net.ParseCIDR(gatewayPool)
	if err != nil {
		return err
	}
	const localTable = 255
	return netlink.RouteAdd(&netlink.Route{
		LinkIndex: loopback.Attrs().Index,
		Dst:       pool,
		Type:      syscall.RTN_LOCAL,
		Scope:     netlink.SCOPE_HOST,
		Table:     localTable,
	})
}

func up(name string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return netlink.LinkSetUp(link)
}

// attach gives the network namespace of process pid an interface with the address ip on the bridge.
func attach(pid int, ip net.IP) error {
	host := "v" + fmt.Sprintf("%02x%02x", ip[len(ip)-2], ip[len(ip)-1])
	bridge, err := netlink.LinkByName(bridgeName)
	if err != nil {
		return err
	}
	if old, err := netlink.LinkByName(host); err == nil {
		if err := netlink.LinkDel(old); err != nil {
			return err
		}
	}
	pair := &netlink.Veth{
		LinkAttrs:     netlink.LinkAttrs{Name: host, MasterIndex: bridge.Attrs().Index},
		PeerName:      "eth0",
		PeerNamespace: netlink.NsPid(pid),
		// From the address, so that a neighbour's stale entry for a reused address is right all the same.
		PeerHardwareAddr: net.HardwareAddr{0x02, 0, ip[len(ip)-4], ip[len(ip)-3], ip[len(ip)-2], ip[len(ip)-1]},
	}
	if err := netlink.LinkAdd(pair); err != nil {
		return fmt.Errorf("veth: %w", err)
	}
	return up(host)
}

// configureInside is run in the pod's own namespace: address, route, loopback.
func configureInside(ip string) error {
	if err := up("lo"); err != nil {
		return err
	}
	link, err := netlink.LinkByName("eth0")
	if err != nil {
		return err
	}
	address, err := netlink.ParseAddr(ip + "/16")
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(link, address); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return err
	}
	return netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: net.ParseIP(nodeAddress)})
}
