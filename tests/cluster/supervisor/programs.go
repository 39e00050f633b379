// SPDX-License-Identifier: Apache-2.0

package main

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// libraryFolders is where the dynamic loader of this machine looks.
var libraryFolders = []string{
	"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu",
	"/lib64", "/usr/lib64", "/lib", "/usr/lib",
}

// programs places programs in the roots of containers, with the libraries that they need: so an ordinary build can stand
// for an image. Each file is copied once, however many pods use it.
type programs struct {
	folder string
	mutex  sync.Mutex
}

func newPrograms(folder string) *programs { return &programs{folder: folder} }

// place puts the program at /NAME under root, and its loader and libraries where their names say.
func (p *programs) place(program, root string) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if err := p.link(program, filepath.Join(root, filepath.Base(program))); err != nil {
		return err
	}
	needed, err := libraries(program)
	if err != nil {
		return err
	}
	for _, library := range needed {
		if err := p.link(library, filepath.Join(root, library)); err != nil {
			return err
		}
	}
	return nil
}

// link makes target a link to our copy of a file, which is made when the file has changed since the last one.
func (p *programs) link(file, target string) error {
	about, err := os.Stat(file)
	if err != nil {
		return err
	}
	copied := filepath.Join(p.folder, fmt.Sprintf("%s-%d-%d", filepath.Base(file), about.Size(), about.ModTime().UnixNano()))
	if !fileExists(copied) {
		if err := os.MkdirAll(p.folder, 0o755); err != nil {
			return err
		}
		if err := copyFile(file, copied+".part"); err != nil {
			return err
		}
		if err := os.Rename(copied+".part", copied); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	// A container that is started again may find a newer program.
	if err := os.Remove(target); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.Link(copied, target)
}

// libraries are the loader and every library that a program needs, directly or not; none for a static one.
func libraries(program string) ([]string, error) {
	var found []string
	seen, queue := map[string]bool{}, []string{program}
	for len(queue) > 0 {
		file, err := elf.Open(queue[0])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", queue[0], err)
		}
		queue = queue[1:]
		if loader := interpreter(file); loader != "" && !seen[loader] {
			seen[loader] = true
			found = append(found, loader)
		}
		names, err := file.ImportedLibraries()
		_ = file.Close()
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if seen[name] {
				continue
			}
			seen[name] = true
			path := findLibrary(name)
			if path == "" {
				return nil, fmt.Errorf("%s needs %s, which is in none of %v", program, name, libraryFolders)
			}
			found = append(found, path)
			queue = append(queue, path)
		}
	}
	return found, nil
}

func interpreter(file *elf.File) string {
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			text, err := io.ReadAll(segment.Open())
			if err == nil && len(text) > 1 {
				return string(text[:len(text)-1])
			}
		}
	}
	return ""
}

func findLibrary(name string) string {
	for _, folder := range libraryFolders {
		if path := filepath.Join(folder, name); fileExists(path) {
			return path
		}
	}
	return ""
}

func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(target, source); err != nil {
		_ = target.Close()
		return err
	}
	return target.Close()
}
