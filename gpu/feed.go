package gpu

import "context"

// Feed is an Upload of the sources without its copies: workers read and decode
// into the ring, and the device has no part in it. How long it takes is the limit
// of uploads that the link does not set. Errors are those of Upload but for the
// sizes: what is larger than the device can be fed.
func (u *Uploader) Feed(ctx context.Context, sources ...Source) (Stats, error) {
	if err := u.begin(); err != nil {
		return Stats{}, err
	}
	defer u.end()
	if err := ctx.Err(); err != nil {
		return Stats{}, err
	}
	r := newRun(ctx, u)
	r.fed = true
	defer r.cancel()
	defer r.files.release()
	items, err := u.items(&r.files, sources, u.o.AsStored, &r.counts)
	if err != nil {
		return Stats{}, err
	}
	ordered, _, err := layOut(items)
	if err != nil {
		return Stats{}, err
	}
	r.cut(items)
	r.plan = &imagePlan{items: ordered}
	r.start()
	if err := r.wait(); err != nil {
		return Stats{}, err
	}
	for _, it := range items {
		r.counts.bytes.Add(it.size)
	}
	return r.stats(), nil
}
