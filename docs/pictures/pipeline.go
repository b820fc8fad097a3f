package main

import (
	"fmt"
	"strconv"
)

// pipeline is how blocks of a stream go to a device, computed from the times of its
// stages: two workers fill four slots, one stream copies, and the caller's kernels
// work on three blocks of device memory.
func pipeline() picture {
	const (
		blocks                = 8
		reads, copies, kernel = 9, 4, 3
		slots, rooms          = 4, 3
	)
	type span struct{ lane, from, to, block int }
	var spans []span
	var worker [2]int
	var copied, done [blocks]int
	for i := range blocks {
		w := i % len(worker)
		begin := worker[w]
		if i >= slots {
			begin = max(begin, copied[i-slots]) // its slot is free again
		}
		filled := begin + reads
		worker[w] = filled
		spans = append(spans, span{w, begin, filled, i})
		begin = filled
		if i > 0 {
			begin = max(begin, copied[i-1])
		}
		if i >= rooms {
			begin = max(begin, done[i-rooms])
		}
		copied[i] = begin + copies
		spans = append(spans, span{2, begin, copied[i], i})
		begin = copied[i]
		if i > 0 {
			begin = max(begin, done[i-1])
		}
		done[i] = begin + kernel
		spans = append(spans, span{3, begin, done[i], i})
	}
	return picture{name: "gpu-pipeline", title: "While a kernel works on one block, the next is copied and others are read and decoded.", paint: func(d *drawing) {
		const unit, high, left = 12, 30, 210
		lanes := []string{"worker: read, decode", "worker: read, decode", "copy stream", "kernels, your stream"}
		for i, name := range lanes {
			d.text(margin, margin+i*high+cell/2+4, "m", "", name)
		}
		for _, s := range spans {
			x, y := left+s.from*unit, margin+s.lane*high
			wide := (s.to - s.from) * unit
			d.reach(x+wide, y+cell)
			fmt.Fprintf(d, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" class=\"c%d\"/>\n", x, y, wide, cell, s.block%6+1)
			d.text(x+wide/2, y+cell/2+4, "", "middle", strconv.Itoa(s.block))
		}
		y := margin + len(lanes)*high + line
		for _, s := range []string{
			fmt.Sprintf("%d slots of pinned memory: free, being filled, full, being copied (event), free", slots),
			fmt.Sprintf("%d blocks on the device: free, being copied, in use (event of your stream), free", rooms),
		} {
			d.text(margin, y, "m", "", s)
			y += line
		}
	}}
}
