package main

import (
	"context"
	"strings"

	"github.com/tensorfile/tensorfile"
)

// A tree shows names as a tree, cut at "." and "/". The separators stay at the
// end of the part before them, so that the parts of a path spell the name. There
// may be a million: it keeps parts of names and sizes, and opens tensors again,
// by open, when it shows them.
type tree struct {
	root node
	tab  *table
	open func(name string) (*tensorfile.Tensor, error)
	bad  map[*node]error

	before string          // the name that was added last
	groups map[child]*node // nil while names ascend: then a group is the last one, or new
}

// node is a name, or a group of names that begin alike.
type node struct {
	label             string
	first, last, next *node // of its children; the one beside it
	count             int64 // names below; 0: it is a name
	bytes             int64
}

type child struct {
	of    *node
	label string
}

func newTree(open func(name string) (*tensorfile.Tensor, error)) *tree {
	return &tree{tab: newTable("~NAME", "DTYPE", "SHAPE", ">SIZE"), open: open, bad: map[*node]error{}}
}

// add puts a tensor of so many bytes, or why it cannot be opened, into the tree.
func (t *tree) add(name string, bytes int64, err error) {
	if name < t.before && t.groups == nil {
		t.groups = map[child]*node{}
		t.remember(&t.root)
	}
	t.before = name
	n := &t.root
	for rest := name; ; {
		n.count++
		n.bytes = addSaturated(n.bytes, bytes)
		i := strings.IndexAny(rest, "./")
		if i < 0 || i == len(rest)-1 {
			// A name may be the beginning of others: it gets a node of its own.
			if leaf := n.add(rest); err != nil {
				t.bad[leaf] = err
			}
			return
		}
		n, rest = t.group(n, rest[:i+1]), rest[i+1:]
	}
}

// group finds a group in n, or makes it.
func (t *tree) group(n *node, label string) *node {
	if c := n.last; c != nil && c.count > 0 && c.label == label {
		return c
	}
	if c := t.groups[child{n, label}]; c != nil {
		return c
	}
	c := n.add(label)
	if t.groups != nil {
		t.groups[child{n, label}] = c
	}
	return c
}

// remember notes all groups below n.
func (t *tree) remember(n *node) {
	for c := n.first; c != nil; c = c.next {
		if c.count > 0 {
			t.groups[child{n, c.label}] = c
			t.remember(c)
		}
	}
}

func (n *node) add(label string) *node {
	c := &node{label: label}
	if n.last == nil {
		n.first = c
	} else {
		n.last.next = c
	}
	n.last = c
	return c
}

// write prints the tree, block by block as a table that streams.
func (t *tree) write(ctx context.Context, w *output, color bool) error {
	t.tab.stream(w, false, color)
	err := t.rows(ctx, &t.root, "", nil)
	t.tab.flush()
	return err
}

// rows adds the rows below a node, whose names begin with path. A group that holds
// one thing shares its line.
func (t *tree) rows(ctx context.Context, n *node, indent string, path []byte) error {
	for c := n.first; c != nil; c = c.next {
		if err := ctx.Err(); err != nil {
			return err
		}
		branch, below := "├─ ", "│  "
		if c.next == nil {
			branch, below = "└─ ", "   "
		}
		if n == &t.root {
			branch, below = "", ""
		}
		x, name := c, append(path, c.label...)
		for x.count > 0 && x.first == x.last {
			x = x.first
			name = append(name, x.label...)
		}
		t.tab.cell(indent + branch + clean(string(name[len(path):])))
		if x.count > 0 {
			t.tab.span(countText(x.count) + " tensors, " + sizeText(x.bytes))
			if err := t.rows(ctx, x, indent+below, name); err != nil {
				return err
			}
			continue
		}
		err := t.bad[x]
		var open *tensorfile.Tensor
		if err == nil {
			open, err = t.open(string(name))
		}
		if err != nil {
			t.tab.span("error: " + clean(err.Error()))
			continue
		}
		t.tab.cell(open.DType().String())
		t.tab.cell(open.Shape().String())
		t.tab.cell(sizeText(open.ByteSize()))
	}
	return nil
}
