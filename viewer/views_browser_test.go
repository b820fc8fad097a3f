package viewer_test

import (
	"encoding/base64"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// TestPage runs the page in a browser.
func TestPage(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	b := start(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *browser)
	}{
		{"HeatMap", testHeatMap},
		{"HeatMapReduces", testHeatMapReduces},
		{"Sketch", testSketch},
		{"Values", testValues},
		{"Sliders", testSliders},
		{"ListAndKeys", testListAndKeys},
		{"Address", testAddress},
		{"Damage", testDamage},
		{"Diff", testDiff},
		{"Statistics", testStatistics},
		{"Cancel", testCancel},
		{"OtherViews", testOtherViews},
		{"Planes", testPlanes},
		{"Playing", testPlaying},
		{"MillionNames", testMillionNames},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, b) })
	}
}

// matrixFile is one file with one matrix, f32 of 24 x 36.
func matrixFile(t *testing.T) (path string, data []float32) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "m.tensor")
	data = gridData(24, 36, 5)
	f := build(t, path)
	f.add("w", viewOf(t, data, 24, 36), &tensorfile.TensorOptions{Dims: []string{"out", "in"}})
	f.commit()
	return path, data
}

func shortest(v float32) string { return fmt.Sprint(v) }

// A cell of the heat map has the colour of its value, read back from the canvas, and the
// pointer reads the value itself.
func testHeatMap(t *testing.T, b *browser) {
	path, data := matrixFile(t)
	p := b.open(t, path)
	p.show("#t=w&v=heat&lo=-1&hi=1")
	lut := p.colours("")
	var asked []string
	p.eval(`performance.getEntriesByType('resource').map((e) => e.name).filter((a) => a.includes('/api/')).map((a) => a.replace(/.*\/api\//, '').replace(/[?].*/, ''))`, &asked)
	for _, name := range asked {
		if name != "tile" && name != "range" && name != "values" {
			t.Errorf("the page asked for %q, which it was sent", name)
		}
	}
	checked := 0
	for r := 0; r < 24; r += 5 {
		for c := 0; c < 36; c += 3 {
			if v := data[r*36+c]; v == v && !math.IsInf(float64(v), 0) {
				if got, want := p.corner(0, r, c), colourOf(lut, float64(v), -1, 1); got != want {
					t.Errorf("[%d, %d] = %v has colour %v, want %v", r, c, v, got, want)
				}
				checked++
			}
		}
	}
	if checked < 50 {
		t.Errorf("%d cells were looked at", checked)
	}
	for _, m := range []struct {
		row, col int
		colour   [3]uint8
	}{{2, 3, [3]uint8{224, 64, 208}}, {4, 5, [3]uint8{255, 255, 255}}, {6, 7, [3]uint8{0, 0, 0}}} {
		if got := p.corner(0, m.row, m.col); got != m.colour {
			t.Errorf("the mark at [%d, %d] is %v, want %v", m.row, m.col, got, m.colour)
		}
	}
	p.hover(0, 11, 17, "[11, 17] = "+shortest(data[11*36+17]))
	// Another scale colours it anew: the same cells, other colours.
	p.show("#t=w&v=heat&lo=-2&hi=2")
	if got, want := p.corner(0, 10, 6), colourOf(lut, float64(data[10*36+6]), -2, 2); got != want {
		t.Errorf("with another range the colour is %v, want %v", got, want)
	}
}

// Of a large plane in chunks the first that is asked for is a sketch, and nothing before
// it is there; what it is of is said until the tiles have come.
func testSketch(t *testing.T, b *browser) {
	path := filepath.Join(t.TempDir(), "m.tensor")
	const n = 2200
	data := make([]float32, n*n)
	for i := range data {
		data[i] = float32(i / n)
	}
	f := build(t, path)
	f.add("m", viewOf(t, data, n, n), &tensorfile.TensorOptions{Chunk: tensor.Shape{200, 200}, Codec: "shuffle|zstd"})
	f.commit()
	p := b.open(t, path)
	p.show("#t=m&v=heat&lo=0&hi=2200")
	var asked []struct {
		Name       string
		Begin, End float64
	}
	p.eval(`performance.getEntriesByType('resource').filter((e) => e.name.includes('/api/tile')).map((e) => ({Name: e.name, Begin: e.startTime, End: e.responseEnd}))`, &asked)
	if len(asked) < 2 {
		t.Fatalf("asked for %v", asked)
	}
	for i, a := range asked {
		if sketch := strings.Contains(a.Name, "reduce=sketch"); sketch != (i == 0) || !sketch && a.Begin < asked[0].End {
			t.Errorf("request %d, from %v to %v: %s", i, a.Begin, a.End, a.Name)
		}
	}
	if got := p.text(".plane-note"); got != "a sketch, of 64 of 121 chunks" {
		t.Errorf("the note says %q", got)
	}
	var hidden bool
	p.eval(`document.querySelector('.plane-note').hidden`, &hidden)
	if !hidden {
		t.Error("the note is still there")
	}
}

// From far off a cell is the reduction of many elements.
func testHeatMapReduces(t *testing.T, b *browser) {
	path := filepath.Join(t.TempDir(), "m.tensor")
	const n = 4096
	data := make([]float32, n*n)
	for r := range n {
		for c := range n {
			data[r*n+c] = float32(r/64) + float32(c/64)/100
		}
	}
	data[2050*n+1030] = 500
	f := build(t, path)
	f.add("m", viewOf(t, data, n, n), nil)
	f.commit()
	p := b.open(t, path)
	p.show("#t=m&v=heat&lo=0&hi=64")
	lut := p.colours("")
	// The plane is shown 8 elements to a pixel or so; blocks of 64 keep one colour.
	for _, at := range [][2]int{{100, 100}, {1000, 3000}, {4000, 50}} {
		var got []int
		x, y := p.cell(0, at[0]/64*64+32, at[1]/64*64+32)
		p.eval(fmt.Sprintf("[...document.querySelector('.plane-cells').getContext('2d').getImageData(Math.round(%g), Math.round(%g), 1, 1).data]", x, y), &got)
		want := colourOf(lut, float64(at[0]/64)+float64(at[1]/64)/100, 0, 64)
		if [3]uint8{uint8(got[0]), uint8(got[1]), uint8(got[2])} != want {
			t.Errorf("at %v is %v, want %v", at, got, want)
		}
	}
	p.show("#t=m&v=heat&lo=0&hi=64&reduce=max&cx=1030.5&cy=2050.5&zx=0.25")
	var found bool
	top := lut[255]
	p.eval(fmt.Sprintf(`(() => { const c = document.querySelector('.plane-cells'); const d = c.getContext('2d').getImageData(58, 20, c.width - 58, c.height - 20).data;
		for (let k = 0; k < d.length; k += 4) if (d[k] === %d && d[k + 1] === %d && d[k + 2] === %d && d[k + 3] === 255) return true; return false; })()`, top[0], top[1], top[2]), &found)
	if !found {
		t.Error("the greatest of many does not show with the reduction max")
	}
}

// The grid shows every digit, at the end of an axis as at its beginning.
func testValues(t *testing.T, b *browser) {
	path := filepath.Join(t.TempDir(), "m.tensor")
	const rows, cols = 3000, 50
	data := make([]int64, rows*cols)
	for k := range data {
		data[k] = 1<<61 + int64(k)*int64(k)
	}
	f := build(t, path)
	f.add("m", viewOf(t, data, rows, cols), nil)
	f.commit()
	p := b.open(t, path)
	p.show("#t=m&v=values")
	p.wait("document.querySelector('.grid-line .cell')?.textContent === '2305843009213693952'")
	p.eval("document.querySelector('.grid').focus()", nil)
	p.run(chromedp.KeyEvent(kb.End, chromedp.KeyModifiers(chromedp.ModifierCtrl))) // Ctrl+End
	want := fmt.Sprint(data[len(data)-1])
	p.wait(fmt.Sprintf("document.querySelector('.cell.head')?.textContent === %q", want))
	if got := p.text("#read"); got != fmt.Sprintf("[2999, 49] = %s", want) {
		t.Errorf("the status line says %q", got)
	}
	// A selection is copied as lines of cells between tabs.
	p.show("#t=m&v=values&sel=10:12,3:5")
	p.eval("document.querySelector('.grid').focus()", nil)
	var copied string
	p.eval(`(() => { window.copied = ''; Object.defineProperty(navigator, 'clipboard', {configurable: true, value: {writeText: async (s) => { window.copied = s; }}}); })()`, nil)
	p.run(chromedp.KeyEvent("c", chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	p.wait("window.copied !== ''")
	p.eval("window.copied", &copied)
	if want := fmt.Sprintf("%d\t%d\n%d\t%d", data[10*cols+3], data[10*cols+4], data[11*cols+3], data[11*cols+4]); copied != want {
		t.Errorf("copied %q, want %q", copied, want)
	}
}

// Axes that are not shown have sliders, and roles can be changed.
func testSliders(t *testing.T, b *browser) {
	path := filepath.Join(t.TempDir(), "m.tensor")
	data := make([]float64, 5*7*9)
	for k := range data {
		data[k] = float64(k) + 0.5
	}
	f := build(t, path)
	f.add("cube", viewOf(t, data, 5, 7, 9), &tensorfile.TensorOptions{Dims: []string{"z", "y", "x"}})
	f.commit()
	p := b.open(t, path)
	p.show("#t=cube&v=values")
	first := "document.querySelector('.grid-line .cell')?.textContent"
	p.wait(first + " === '0.5'")
	p.eval(`(() => { const s = document.querySelector('#axes .slider'); s.value = 3; s.dispatchEvent(new Event('input')); })()`, nil)
	p.wait(first + " === '189.5'")
	if got := p.state()["i"]; got != "3,0,0" {
		t.Errorf("the address has i=%s", got)
	}
	// The first axis becomes the rows: y and z change places.
	p.eval(`(() => { const s = document.querySelector('#axes .role'); s.value = 'y'; s.dispatchEvent(new Event('change')); })()`, nil)
	p.wait(first + " === '0.5'")
	p.wait("document.querySelectorAll('.grid-line:not([hidden]) .grid-row-head').length === 5")
	p.press(".")
	p.wait(first + " === '9.5'")
	p.press(",")
	p.wait(first + " === '0.5'")
}

// Names are filtered by text and by patterns, and each key does what the sheet says.
func testListAndKeys(t *testing.T, b *browser) {
	p := b.open(t, filepath.Join(demo(t), "demo.tensor"))
	p.show("#v=file")
	p.wait("document.querySelectorAll('.names .name').length > 3")
	p.press("/")
	p.eval("document.querySelector('.filter').value = ''", nil) // the driver types the slash, too
	p.run(chromedp.KeyEvent("*.bias"))
	p.wait("document.querySelector('.count').textContent.startsWith('5 of')")
	if got := p.texts(".names .name .label"); !slices.Equal(got, []string{"layers.0.attention.bias", "layers.1.attention.bias", "layers.2.attention.bias", "layers.3.attention.bias", "layers.4.attention.bias"}) {
		t.Errorf("the list is %q", got)
	}
	p.press(kb.Enter, kb.ArrowDown, kb.Enter)
	p.wait("document.querySelector('#head h1')?.textContent === 'layers.1.attention.bias'")
	p.press("j")
	p.wait("document.querySelector('#head h1')?.textContent === 'layers.2.attention.bias'")
	p.press("k")
	p.wait("document.querySelector('#head h1')?.textContent === 'layers.1.attention.bias'")
	p.press("2")
	p.wait("document.querySelector('.tab[aria-selected=true]')?.textContent === 'Values'")
	p.press("?")
	p.wait("document.getElementById('sheet').open && document.querySelectorAll('#sheet dt').length > 25")
	p.press(kb.Escape)
	p.wait("!document.getElementById('sheet').open")
	p.press("b")
	p.wait("document.querySelectorAll('.byte-list .byte-row').length > 5")
	p.press("h")
	p.wait("document.querySelectorAll('.generation').length === 2")
	p.press("[")
	p.wait("document.getElementById('side').offsetParent === null")
	p.press("[")
	theme := "document.documentElement.dataset.theme"
	p.press("t")
	p.wait(theme + " === 'light'")
	p.press("t", "t")
	p.wait(theme + " === 'auto'")
}

// What is in the address is shown, and back and forward go through views.
func testAddress(t *testing.T, b *browser) {
	p := b.open(t, filepath.Join(demo(t), "demo.tensor"))
	p.show("#t=volume&v=values&y=2&x=0&i=0,5,0")
	// Transposed: rows along x, columns along depth.
	p.wait("document.querySelector('.grid')?.getAttribute('aria-colcount') === '13' && document.querySelector('.grid').getAttribute('aria-rowcount') === '51'")
	p.show("#t=volume&v=heat&i=7,0,0")
	p.wait("document.querySelector('#axes .slider')?.value === '7'")
	p.eval("history.back()", nil)
	p.wait("document.querySelector('.tab[aria-selected=true]')?.textContent === 'Values'")
	p.eval("history.forward()", nil)
	p.wait("document.querySelector('.tab[aria-selected=true]')?.textContent === 'Heat map'")
	// Names and attributes with markup are text.
	if got := p.text("#info"); !strings.Contains(got, `<script>alert("no")</script> & "quotes"`) {
		t.Errorf("the attribute reads %q", got)
	}
	// What is not there is said, not shown.
	p.expect("404")
	p.eval("location.hash = '#t=nothing'", nil)
	p.wait("document.getElementById('problem').textContent.includes('nothing')")
}

// A damaged chunk is marked in its place, and the rest is shown.
func testDamage(t *testing.T, b *browser) {
	p := b.open(t, damaged(t))
	p.show("#t=m&v=values&sel=16:17,32:33") // scrolls there
	p.wait("document.querySelectorAll('.cell.damaged').length > 0")
	p.settle()
	var rows []string
	p.eval(`[...document.querySelectorAll('.grid-line:not([hidden])')].map((l) => [l.getAttribute('aria-rowindex') - 2, [...l.querySelectorAll('.cell.damaged:not([hidden])')].length].join(':'))`, &rows)
	for _, r := range rows {
		var row, n int
		fmt.Sscanf(r, "%d:%d", &row, &n)
		if row >= 16 && row < 32 && n == 0 || (row < 16 || row >= 32) && n > 0 {
			t.Errorf("row %d has %d damaged cells: %v", row, n, rows)
		}
	}
	p.show("#t=m&v=heat&lo=0&hi=1")
	isDamage := func(c [3]uint8) bool { return c == [3]uint8{214, 32, 32} || c == [3]uint8{70, 0, 0} }
	for r := 8; r < 64; r += 16 {
		for c := 8; c < 64; c += 16 {
			if got, want := isDamage(p.corner(0, r, c)), r == 24 && c == 40; got != want {
				t.Errorf("[%d, %d] is marked as damaged: %v", r, c, got)
			}
		}
	}
}

// Two files are compared: which tensors differ, and where, the largest first.
func testDiff(t *testing.T, b *browser) {
	dir := demo(t)
	p := b.open(t, filepath.Join(dir, "demo.tensor"), filepath.Join(dir, "other.tensor"))
	p.show("#f=0&v=compare&g=1")
	p.wait("document.querySelectorAll('.view-compare table a').length > 0")
	if got := p.texts(".view-compare table a"); !slices.Contains(got, "layers.2.attention.weight") || slices.Contains(got, "layers.3.attention.weight") {
		t.Errorf("different are %q", got)
	}
	if got := p.texts(".view-compare table a"); !slices.Contains(got, "added.later") || !slices.Contains(got, "layers.5.attention.bias") {
		t.Errorf("on one side are %q", got)
	}
	p.show("#f=0&t=layers.2.attention.weight&v=diff&g=1")
	p.wait("document.querySelectorAll('.diff-table tbody tr').length > 3")
	if got := p.text(".diff-table tbody button"); got != "[50, 60]" {
		t.Errorf("the largest difference is at %s", got)
	}
	p.wait("document.querySelectorAll('.diff-side .plane-cells[data-busy=\"0\"]').length === 3")
	p.eval("document.querySelector('.diff-table tbody button').click()", nil)
	p.settle()
	lut := p.colours("")
	if got := p.corner(2, 50, 60); got != lut[255] {
		t.Errorf("the largest difference has colour %v, want %v", got, lut[255])
	}
	if got := p.corner(2, 51, 60); got != lut[0] {
		t.Errorf("what is equal has colour %v, want %v", got, lut[0])
	}
}

// Statistics and the histogram are those of the library; what takes long is cancelled.
func testStatistics(t *testing.T, b *browser) {
	path, _ := matrixFile(t)
	p := b.open(t, path)
	p.show("#t=w&v=hist&bins=20")
	p.wait("document.querySelector('.stats table') !== null && document.querySelector('.chart canvas') !== null")
	all := p.text(".stats")
	for _, want := range []string{"count864", "min-Infinity", "NaN1", "+∞1"} {
		if !strings.Contains(strings.ReplaceAll(all, " ", ""), want) {
			t.Errorf("the statistics lack %q: %s", want, all)
		}
	}
}

func testCancel(t *testing.T, b *browser) {
	// A file with a hole: large to read through, small on disk.
	path := filepath.Join(t.TempDir(), "large.npy")
	const rows = 3 << 18
	head := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 4096), }", rows)
	pad := 64 - (10+len(head)+1)%64
	head += strings.Repeat(" ", pad) + "\n"
	data := append([]byte("\x93NUMPY\x01\x00"), byte(len(head)), byte(len(head)>>8))
	data = append(data, head...)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, int64(len(data))+rows*4096*4); err != nil {
		t.Skip("no files with holes here: ", err)
	}
	p := b.open(t, path)
	p.run(chromedp.Navigate(p.base + "#t=large&v=hist"))
	p.wait("document.querySelector('.work progress')?.value > 0")
	p.press(kb.Escape)
	p.wait("document.getElementById('said')?.textContent === 'Cancelled'")
	p.wait("[...document.querySelectorAll('.work')].some((w) => !w.hidden && w.textContent.includes('Compute'))")
}

func testOtherViews(t *testing.T, b *browser) {
	p := b.open(t, filepath.Join(demo(t), "demo.tensor"))
	// A picture: pixels as they are in the file, at their place.
	p.show("#t=photo&v=image")
	want := pictureData(240, 320, 1)
	for _, at := range [][2]int{{10, 10}, {120, 160}, {200, 300}} {
		var got []int
		x, y := p.cell(0, at[0], at[1])
		p.eval(fmt.Sprintf("[...document.querySelector('.plane-cells').getContext('2d').getImageData(Math.round(%g), Math.round(%g), 1, 1).data]", x, y), &got)
		for k := range 3 {
			if w := int(want[(at[0]*320+at[1])*3+k]); got[k] < w-2 || got[k] > w+2 {
				t.Errorf("the pixel at %v is %v, want %v", at, got, want[(at[0]*320+at[1])*3:][:3])
				break
			}
		}
	}
	p.show("#t=digits.images&v=image&many=grid&labels=digits.labels")
	p.wait("document.querySelectorAll('.thumb canvas').length > 20 && document.querySelector('.thumb:nth-child(2) figcaption b')?.textContent === '7'")
	p.show("#t=series&v=line&along=0&by=1&many=3")
	p.wait("document.querySelectorAll('.chart .u-over').length === 1 && document.querySelectorAll('.chart-legend li').length >= 4")
	p.show("#t=sound&v=audio&spec=1024")
	p.wait("document.querySelector('.wave')?.dataset.busy === '0'")
	p.show("#t=adjacency&v=sparse&row=6")
	p.wait("document.querySelector('.lookup-list .entry')?.textContent.includes('6')")
	p.show("#t=tokens&v=rows&row=3")
	p.wait("document.querySelector('.row-line.active .row-length')?.textContent === '2'")
	p.show("#t=words&v=rows&row=3")
	p.wait("document.querySelector('.row-full')?.textContent === '<b>not bold</b>'")
	p.show("#v=log")
	p.wait("document.querySelector('.generation .change')?.textContent.includes('added.later')")
	p.show("#v=bytes")
	p.wait("document.querySelector('.byte-map')?.dataset.busy === '0'")
}

// A plane is moved, zoomed and read by keyboard; an index is gone to, and what is shown
// is downloaded.
func testPlanes(t *testing.T, b *browser) {
	path, data := matrixFile(t)
	p := b.open(t, path)
	p.show("#t=w&v=heat")
	p.press("x")
	p.wait("document.getElementById('read').textContent.startsWith('[')")
	p.press("g")
	p.wait("document.getElementById('dialog').open")
	p.eval("document.querySelector('#dialog input').value = ''", nil) // as above
	p.run(chromedp.KeyEvent("9, 10"))
	p.press(kb.Enter)
	p.wait(fmt.Sprintf("document.getElementById('read').textContent === '[9, 10] = %s'", shortest(data[9*36+10])))
	p.press(kb.ArrowRight)
	p.wait(fmt.Sprintf("document.getElementById('read').textContent === '[9, 11] = %s'", shortest(data[9*36+11])))
	before := p.state()["zx"]
	p.press("+")
	if after := p.state()["zx"]; after == before || after == "" {
		t.Errorf("the zoom was %q and is %q", before, after)
	}
	p.press("0")
	if after := p.state()["zx"]; after != "" {
		t.Errorf("everything is shown with a zoom of %q", after)
	}
	p.show("#t=w&v=heat&sel=2:5,6:8")
	p.press("w")
	p.wait("document.getElementById('dialog').open")
	var text string
	p.eval("fetch(document.querySelector('#dialog a.primary').href).then((r) => r.arrayBuffer()).then((b) => btoa(String.fromCharCode(...new Uint8Array(b))))", &text)
	file, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	if want := 128 + 3*2*4; len(file) != want || !strings.Contains(string(file[:128]), "(3, 2)") {
		t.Errorf("the download has %d bytes, %.128q; want %d", len(file), file, want)
	}
}

// Animations and sound play.
func testPlaying(t *testing.T, b *browser) {
	p := b.open(t, filepath.Join(demo(t), "demo.tensor"))
	p.show("#t=animation&v=image")
	index := "Number(document.querySelector('#axes .slider').value)"
	p.press("p")
	p.wait(index + " >= 3")
	p.press("p")
	p.settle()
	var at, later int
	p.eval(index, &at)
	p.eval("new Promise((resolve) => setTimeout(() => resolve("+index+"), 300))", &later)
	if at != later {
		t.Errorf("it was stopped at %d and went on to %d", at, later)
	}
	p.show("#t=sound&v=audio&play=24000:48000")
	p.press(" ")
	p.wait("document.querySelector('audio').currentTime > 0.05")
	var duration float64
	p.eval("document.querySelector('audio').duration", &duration)
	if math.Abs(duration-0.5) > 0.001 {
		t.Errorf("what is heard takes %g s, want 0.5", duration)
	}
	p.press(kb.Escape)
	p.wait("document.querySelector('audio').paused")
}

// A million names: the list is there at once and scrolls to its end.
func testMillionNames(t *testing.T, b *browser) {
	const n = 1_000_000
	path := filepath.Join(t.TempDir(), "many.tensor")
	f := build(t, path)
	v := viewOf(t, []uint8{7}, 1)
	s, err := f.w.AddStorage(t.Context(), 1, strings.NewReader("\x07"))
	f.must(err)
	for k := range n {
		f.must(f.w.TensorOn(s, fmt.Sprintf("block%03d.t%06d", k/1000, k), tensor.U8, v.Shape(), v.Strides(), 0, nil))
	}
	f.commit()
	p := b.open(t, path)
	p.show("#v=file&sort=name")
	p.wait("document.querySelector('.count')?.textContent.replace(/\\D/g, '') === '1000000'")
	p.eval("document.querySelector('.names').scrollTop = 1e9", nil)
	p.wait("[...document.querySelectorAll('.names .label')].some((e) => e.textContent === 'block999.t999999')")
	p.show("#v=file&q=*999.t9999*7&sort=name")
	p.wait("document.querySelector('.names .label')?.textContent === 'block999.t999907'")
	// Through the tree.
	p.show("#v=file")
	p.wait("document.querySelectorAll('.names .name .label').length > 10")
	p.eval("document.querySelector('.names').focus()", nil)
	p.press(kb.End)
	p.wait("[...document.querySelectorAll('.names .label')].some((e) => e.textContent === 'block999.')")
	p.press(kb.ArrowRight, kb.ArrowRight)
	p.wait("document.querySelectorAll('.names [aria-level=\"2\"]').length > 0")
}
