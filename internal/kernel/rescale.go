package kernel

// Rescale takes numbers out of groups of a scale each: dst[i] is
// (src[i] - zeros[i/group]) * scales[i/group], each step rounded to nearest even.
// No zeros at all are zeros of +0, which change nothing. The last group may be
// shorter. dst may be src. stream asks for stores past the cache, which are made
// if dst begins with a line of it.
func Rescale(dst, src, scales, zeros []float32, group int, stream bool) {
	need(len(dst) == len(src), badLength)
	need(group > 0, "groups of nothing")
	need(len(src) == 0 && len(scales) == 0 || (len(src)-1)/group+1 == len(scales), "scales are not one for each group")
	need(zeros == nil || len(zeros) == len(scales), "zeros are not one for each group")
	if len(src) == 0 {
		return
	}
	if group == 1 {
		i := rescaleEachFast(dst, src, scales, zeros, stream)
		for ; i < len(src); i++ {
			dst[i] = (src[i] - at(zeros, i)) * scales[i]
		}
		return
	}
	i := rescaleFast(dst, src, scales, zeros, group, stream)
	for j := i / group; i < len(src); j++ {
		end := min(i+group, len(src))
		rescaleRun(dst[i:end], src[i:end], scales[j], at(zeros, j))
		i = end
	}
}

func at(zeros []float32, i int) float32 {
	if zeros == nil {
		return 0
	}
	return zeros[i]
}

// rescaleRun does one group.
func rescaleRun(dst, src []float32, scale, zero float32) {
	i := 0
	if len(src) >= 16 {
		i = rescaleFast(dst[:len(src)&^15], src[:len(src)&^15], []float32{scale}, []float32{zero}, len(src)&^15, false)
	}
	dst = dst[:len(src)]
	for ; i < len(src); i++ {
		dst[i] = (src[i] - zero) * scale
	}
}
