//go:build cgo

package main

// #include "tensorfile.h"
import "C"

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tensorfile/tensorfile"
)

// giveJSON hands a report over to C, if somebody wants it.
func giveJSON(to **C.char, size *C.size_t, report any) error {
	if to == nil {
		return nil
	}
	b, err := json.Marshal(report)
	if err != nil {
		return err
	}
	return giveText(to, size, string(b))
}

//export tfgo_repack
func tfgo_repack(n C.tensorfile_file, path *C.char, p *C.tensorfile_repack_options, to **C.char, size *C.size_t, e *C.tensorfile_error) C.int32_t {
	return work(e, func() error {
		f, err := find[*tensorfile.File](&handles, uint64(n))
		if err != nil {
			return err
		}
		var given C.size_t
		if p != nil {
			given = p.size
		}
		o, err := options("repack options", p, given)
		switch {
		case err != nil:
			return err
		case o.wait_ms < 0:
			return argument("repack options: got a wait of %d ms, want 0 or more", int32(o.wait_ms))
		case o.keep == nil && o.keep_count > 0:
			return argument("repack options: keep is NULL, want %d generations", uint64(o.keep_count))
		case uint64(o.keep_count) > 1<<32:
			return argument("repack options: got %d generations to keep, want fewer", uint64(o.keep_count))
		}
		ro := &tensorfile.RepackOptions{
			KeepAll: o.keep_all != 0, Overwrite: o.overwrite != 0, Deterministic: o.deterministic != 0, NoSync: o.no_sync != 0,
			Wait: time.Duration(o.wait_ms) * time.Millisecond,
		}
		for _, g := range elements(o.keep, int(o.keep_count)) {
			ro.Keep = append(ro.Keep, uint64(g))
		}
		r, err := tensorfile.Repack(context.Background(), f, C.GoString(path), ro)
		if err != nil {
			return err
		}
		return giveJSON(to, size, struct {
			Generations []uint64 `json:"generations"`
			Tensors     int      `json:"tensors"`
			Storages    int      `json:"storages"`
			Payload     int64    `json:"payload"`
			Before      int64    `json:"before"`
			After       int64    `json:"after"`
			InPlace     bool     `json:"in_place"`
		}{r.Generations, r.Tensors, r.Storages, r.Payload, r.Before, r.After, r.InPlace})
	})
}

// A lost tensor is its name beside the reason.
type lostTensor struct {
	Name string `json:"name"`
	finding
}

//export tfgo_recover
func tfgo_recover(path, dst *C.char, p *C.tensorfile_recover_options, whole *C.int32_t, to **C.char, size *C.size_t, e *C.tensorfile_error) C.int32_t {
	return work(e, func() error {
		var given C.size_t
		if p != nil {
			given = p.size
		}
		o, err := options("recover options", p, given)
		if err != nil {
			return err
		}
		ro := &tensorfile.RecoverOptions{Overwrite: o.overwrite != 0, NoSync: o.no_sync != 0, DryRun: dst == nil, Unacknowledged: o.unacknowledged != 0}
		var name string
		if dst != nil {
			name = C.GoString(dst)
		}
		r, err := tensorfile.Recover(context.Background(), C.GoString(path), name, ro)
		if err != nil {
			return err
		}
		*whole = truth(len(r.Lost) == 0 && r.Entries == 0 && r.DamagedChunks == 0)
		lost := make([]lostTensor, len(r.Lost))
		for i, l := range r.Lost {
			lost[i] = lostTensor{l.Name, findings([]error{l.Err})[0]}
		}
		return giveJSON(to, size, struct {
			UUID           string       `json:"uuid"`
			Generation     uint64       `json:"generation"`
			Whole          bool         `json:"catalog_whole"`
			Tensors        int          `json:"tensors"`
			Storages       int          `json:"storages"`
			Bytes          int64        `json:"bytes"`
			DamagedChunks  int64        `json:"damaged_chunks"`
			Damage         []finding    `json:"damage"`
			Lost           []lostTensor `json:"lost"`
			Entries        int64        `json:"unnamed_entries"`
			Unacknowledged []string     `json:"unacknowledged"`
			Unreadable     int64        `json:"unreadable"`
		}{r.UUID, r.Generation, r.Whole, r.Tensors, r.Storages, r.Bytes, r.DamagedChunks, findings(r.Damage), lost, r.Entries, append([]string{}, r.Unacknowledged...), r.Unreadable})
	})
}
