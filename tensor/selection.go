package tensor

import (
	"strconv"
	"strings"
)

// SelectionKind says what an item of a Selection does.
type SelectionKind uint8

// The kinds of items.
const (
	SelectRange    SelectionKind = iota // start:stop:step along the next axis
	SelectIndex                         // one element; the axis goes away
	SelectNewAxis                       // a new axis of extent 1
	SelectEllipsis                      // as many whole axes as are left
)

// SelectionItem is one item between the commas.
type SelectionItem struct {
	Kind  SelectionKind
	Start int64 // SelectIndex: the index. SelectRange: None if open
	Stop  int64 // SelectRange: None if open
	Step  int64 // SelectRange: None for 1
}

// Selection is a NumPy-style basic selection, such as [0:10, ::2, -1, ...]:
// items for the axes in order. Axes without an item are taken whole. It is
// independent of any shape.
type Selection []SelectionItem

// maxSelection bounds the items of a parsed selection: one for each axis, and
// as many new axes around them.
const maxSelection = 2*MaxRank + 1

// ParseSelection reads items between commas, in brackets or without: "i" is an
// index, "start:stop:step" a range with any part left out, "..." the whole
// axes that are left, "newaxis" or "None" a new axis. Spaces may stand around
// everything; one comma may follow the last item. Nothing at all selects
// everything. Errors are ErrFormat, or ErrLimit for too many items.
func ParseSelection(s string) (Selection, error) {
	bad := func(item, want string) error {
		return fail(ErrFormat, "selection "+Quote(s), Quote(item), want, "")
	}
	body := strings.TrimSpace(s)
	if strings.HasPrefix(body, "[") != strings.HasSuffix(body, "]") || body == "[" || body == "]" {
		return nil, bad(body, "matching brackets")
	}
	if strings.HasPrefix(body, "[") {
		body = strings.TrimSpace(body[1 : len(body)-1])
	}
	if body == "" {
		return Selection{}, nil
	}
	var sel Selection
	ellipsis := false
	for more := true; more; {
		var text string
		text, body, more = strings.Cut(body, ",")
		text = strings.TrimSpace(text)
		if text == "" && len(sel) > 0 && !more {
			break // the trailing comma of [1,]
		}
		item, want := parseItem(text)
		if want != "" {
			return nil, bad(text, want)
		}
		if item.Kind == SelectEllipsis {
			if ellipsis {
				return nil, bad(text, "at most one ellipsis")
			}
			ellipsis = true
		}
		if len(sel) == maxSelection {
			return nil, fail(ErrLimit, "selection", "more items", "at most "+strconv.Itoa(maxSelection), "")
		}
		sel = append(sel, item)
	}
	return sel, nil
}

// parseItem returns what it wanted instead if text is no item.
func parseItem(text string) (item SelectionItem, want string) {
	switch text {
	case "":
		return item, "an index, a range, newaxis or ..."
	case "...":
		return SelectionItem{Kind: SelectEllipsis}, ""
	case "newaxis", "None":
		return SelectionItem{Kind: SelectNewAxis}, ""
	}
	parts := strings.Split(text, ":")
	if len(parts) == 1 {
		i, ok := parseInt(text)
		if !ok {
			return item, "an index, a range, newaxis or ..."
		}
		return SelectionItem{Kind: SelectIndex, Start: i}, ""
	}
	if len(parts) > 3 {
		return item, "at most two colons"
	}
	bounds := [3]int64{None, None, None}
	for i, part := range parts {
		part = strings.TrimSpace(part)
		if part == "" || part == "None" {
			continue
		}
		n, ok := parseInt(part)
		if !ok {
			return item, "integers of 64 bits around the colons"
		}
		bounds[i] = n
	}
	if bounds[2] == 0 {
		return item, "a step other than 0"
	}
	return SelectionItem{Kind: SelectRange, Start: bounds[0], Stop: bounds[1], Step: bounds[2]}, ""
}

// parseInt reads a decimal integer that is not None's number.
func parseInt(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n != None
}

// String is the selection in its shortest spelling, in brackets, as
// ParseSelection reads it.
func (sel Selection) String() string {
	b := []byte{'['}
	bound := func(n int64) {
		if n != None {
			b = strconv.AppendInt(b, n, 10)
		}
	}
	for i, it := range sel {
		if i > 0 {
			b = append(b, ", "...)
		}
		switch it.Kind {
		case SelectIndex:
			b = strconv.AppendInt(b, it.Start, 10)
		case SelectNewAxis:
			b = append(b, "newaxis"...)
		case SelectEllipsis:
			b = append(b, "..."...)
		default:
			bound(it.Start)
			b = append(b, ':')
			bound(it.Stop)
			if it.Step != None && it.Step != 1 {
				b = append(b, ':')
				bound(it.Step)
			}
		}
	}
	return string(append(b, ']'))
}

// AxisRange is what a selection takes along one axis: Count elements from
// First on, Step apart. Without elements First is 0 and Step 1.
type AxisRange struct {
	First, Count, Step int64
	Drop               bool // taken by an index: not an axis of the result
}

// Resolve applies the rules of NumPy to a shape: it returns what is taken along
// each of its axes, and the shape of the result, new axes included. Errors are
// ErrIndex (an index outside its axis, too many items, step 0), ErrFormat (an
// item of unknown kind or a second ellipsis) and ErrLimit (more than MaxRank
// axes).
func (sel Selection) Resolve(s Shape) ([]AxisRange, Shape, error) {
	whole, err := sel.wholeAxes(s)
	if err != nil {
		return nil, nil, err
	}
	ranges, out := make([]AxisRange, 0, len(s)), make(Shape, 0, len(s))
	take := func(n int) {
		for ; n > 0; n-- {
			e := s[len(ranges)]
			ranges, out = append(ranges, AxisRange{Count: e, Step: 1}), append(out, e)
		}
	}
	for _, it := range sel {
		axis := len(ranges)
		switch it.Kind {
		case SelectEllipsis:
			take(whole)
		case SelectNewAxis:
			out = append(out, 1)
		case SelectIndex:
			at, ok := resolveIndex(it.Start, s[axis])
			if !ok {
				return nil, nil, fail(ErrIndex, "index on axis "+strconv.Itoa(axis)+" of "+s.String(), itoa(it.Start), indexRange(s[axis]), "")
			}
			ranges = append(ranges, AxisRange{First: at, Count: 1, Step: 1, Drop: true})
		case SelectRange:
			if it.Step == 0 {
				return nil, nil, fail(ErrIndex, "slice step on axis "+strconv.Itoa(axis), "0", "a step other than 0", "")
			}
			first, count, step := sliceRange(s[axis], it.Start, it.Stop, it.Step)
			ranges, out = append(ranges, AxisRange{First: first, Count: count, Step: step}), append(out, count)
		}
	}
	take(len(s) - len(ranges))
	if len(out) > MaxRank {
		return nil, nil, fail(ErrLimit, "rank", strconv.Itoa(len(out)), "at most "+strconv.Itoa(MaxRank), "tensor.rank")
	}
	return ranges, out, nil
}

// wholeAxes checks the items against the rank and returns how many axes an
// ellipsis stands for.
func (sel Selection) wholeAxes(s Shape) (int, error) {
	axes, ellipsis := 0, 0
	for _, it := range sel {
		switch it.Kind {
		case SelectRange, SelectIndex:
			axes++
		case SelectEllipsis:
			ellipsis++
		case SelectNewAxis:
		default:
			return 0, fail(ErrFormat, "selection item", strconv.Itoa(int(it.Kind)), "a known kind", "")
		}
	}
	if ellipsis > 1 {
		return 0, fail(ErrFormat, "selection", sel.String(), "at most one ellipsis", "")
	}
	if axes > len(s) {
		return 0, fail(ErrIndex, "selection "+sel.String(), strconv.Itoa(axes)+" axes", "at most "+strconv.Itoa(len(s))+" for shape "+s.String(), "")
	}
	return len(s) - axes, nil
}

// Select applies a selection. It copies nothing. Cutting, stepping through or
// dropping a packed axis is ErrUnsupported (see Slice).
func (v View) Select(sel Selection) (View, error) {
	ranges, _, err := sel.Resolve(v.shape)
	if err != nil {
		return View{}, err
	}
	// One pass over the axes of v, then one over those of the result.
	for axis, r := range ranges {
		if r.Drop && v.packedAxis(axis) {
			return View{}, v.refusePacked("index")
		}
		if r == (AxisRange{Count: v.shape[axis], Step: 1}) {
			continue
		}
		if v, err = v.take(axis, r.First, r.Count, r.Step); err != nil {
			return View{}, err
		}
	}
	shape, strides := make(Shape, 0, len(v.shape)), make(Strides, 0, len(v.shape))
	axis := 0
	keep := func(n int) {
		for ; n > 0; n-- {
			if !ranges[axis].Drop {
				shape, strides = append(shape, v.shape[axis]), append(strides, v.strides[axis])
			}
			axis++
		}
	}
	whole, _ := sel.wholeAxes(v.shape)
	for _, it := range sel {
		switch it.Kind {
		case SelectNewAxis:
			shape, strides = append(shape, 1), append(strides, 0)
		case SelectEllipsis:
			keep(whole)
		default:
			keep(1)
		}
	}
	keep(len(v.shape) - axis)
	if v.dtype.Packed() && (len(shape) == 0 || strides[len(strides)-1] != int64(v.dtype.UnitBytes)) {
		return View{}, v.refusePacked("new axis behind")
	}
	return v.derive(v.dtype, shape, strides, v.offset)
}
