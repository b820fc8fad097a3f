package main

import (
	"strings"

	"github.com/tensorfile/tensorfile"
)

// A tree shows names as a tree, cut at "." and "/". The separators stay at the
// end of the part before them, so that the parts of a path spell the name.
type tree struct {
	root node
	tab  *table
}

type node struct {
	label    string
	children []*node
	index    map[string]*node
	x        *tensorfile.Tensor
	err      error
	leaf     bool
	count    int64
	bytes    int64
}

func newTree() *tree { return &tree{tab: newTable("~NAME", "DTYPE", "SHAPE", ">SIZE")} }

// add puts a tensor, or why it cannot be opened, into the tree.
func (t *tree) add(name string, x *tensorfile.Tensor, err error) {
	n := &t.root
	var bytes int64
	if x != nil {
		bytes = x.ByteSize()
	}
	for rest := name; ; {
		n.count++
		n.bytes = addSaturated(n.bytes, bytes)
		i := strings.IndexAny(rest, "./")
		if i < 0 || i == len(rest)-1 {
			// A name may be the beginning of others: it gets a node of its own.
			n.children = append(n.children, &node{label: rest, x: x, err: err, leaf: true})
			return
		}
		n, rest = n.child(rest[:i+1]), rest[i+1:]
	}
}

func (n *node) child(label string) *node {
	if c := n.index[label]; c != nil {
		return c
	}
	if n.index == nil {
		n.index = map[string]*node{}
	}
	c := &node{label: label}
	n.index[label] = c
	n.children = append(n.children, c)
	return c
}

func (t *tree) write(w *output, color bool) {
	t.rows(&t.root, "")
	if t.tab.rows() > 0 {
		t.tab.write(w, false, color)
	}
}

// rows adds the rows below a node. A group that holds one thing shares its
// line.
func (t *tree) rows(n *node, indent string) {
	for i, c := range n.children {
		branch, below := "├─ ", "│  "
		if i == len(n.children)-1 {
			branch, below = "└─ ", "   "
		}
		if n == &t.root {
			branch, below = "", ""
		}
		label := c.label
		for !c.leaf && len(c.children) == 1 {
			c = c.children[0]
			label += c.label
		}
		t.tab.cell(indent + branch + clean(label))
		switch {
		case !c.leaf:
			t.tab.span(countText(c.count) + " tensors, " + sizeText(c.bytes))
			t.rows(c, indent+below)
		case c.err != nil:
			t.tab.span("error: " + clean(c.err.Error()))
		default:
			t.tab.cell(c.x.DType().String())
			t.tab.cell(c.x.Shape().String())
			t.tab.cell(sizeText(c.x.ByteSize()))
		}
	}
}
