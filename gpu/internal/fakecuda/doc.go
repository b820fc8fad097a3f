// Package fakecuda is a driver for tests, made of callbacks in this process: a table
// of addresses that package cuda calls as it calls NVIDIA's library. It needs neither
// a device nor a C compiler nor cgo.
//
// It is an adversary. Where the documentation of the driver leaves something open, the
// fake does what is least convenient, so that a program which is right with it needs
// nothing but what is written:
//
//  1. A copy from pinned memory reads it when somebody waits for the copy, not
//     before: a slot that is filled again too soon is sent with the new bytes, and the
//     change is reported.
//  2. Memory that is freed, unregistered or unmapped while work needs it is reported,
//     and the work finds rubbish.
//  3. Streams run independently. Only events that were recorded order them; what runs
//     else is decided by Options.Order, as late as may be, as early as may be, or by
//     chance with a seed.
//  4. A copy to pinned memory lands when somebody waits for it; until then the memory
//     holds a pattern.
//  5. Who waits for an event waits for what was captured when the call was made, not
//     for what is recorded later, and for nothing if nothing was recorded.
//  6. An asynchronous copy of memory that is not pinned is counted: Stats.Pageable. To
//     the device it is staged at once.
//  7. One of memory of the Go heap is reported.
//  8. Contexts are current on threads of the operating system, in a stack for each;
//     a call on another thread fails.
//  9. New memory holds a pattern, on the device and pinned. Around each allocation of
//     the device is a zone that must stay as it is.
//  10. What is not given back, given back twice, or outlives its context is reported.
//  11. Options.FailCall lets any one call fail; FailEach, all of them in turn.
//  12. Options.FailWork lets a copy or a kernel fail when it runs: a later call returns
//     the error, and every call after it.
//  13. Options.Memory bounds the device, and Options.FailAlloc lets an allocation fail.
//  14. Options.Time says how long things take, by the clock of package time, which
//     testing/synctest makes virtual; Options.Busy lets queries say 600 for long.
//  15. A call that fails writes rubbish where its result was to go.
//  16. Options.Version, Attributes and Missing are drivers and devices that lack
//     something.
//
// Comments quote the text that a rule stands for: the CUDA Driver API reference
// (TRM-06703-001), of the function that is named, if no other is said.
//
// A new fake takes all calls of the process: tests that use one do not run in
// parallel. Typical:
//
//	f := fakecuda.New(fakecuda.Options{})
//	t.Cleanup(func() { f.Check(t) })
//	d, err := cuda.FromTable(f.Table())
//
// There is one on Linux, amd64 and arm64, without the tag nogpu. It is never installed
// as libcuda.so.1, where programs would take it for a device.
package fakecuda
