package viewer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/tensorfile/tensorfile/viewer"
)

// The tests of the page run it in Chromium without a window, as people have it. A
// browser is started once for all of them; each has a tab and a server of its own.

// A browser runs until its test ends.
type browser struct{ ctx context.Context }

// findBrowser is the path of a Chromium, "" if there is none.
func findBrowser() string {
	if path := os.Getenv("TENSORFILE_BROWSER"); path != "" {
		return path
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// start starts a browser, or skips the test where there is none.
func start(t *testing.T) *browser {
	t.Helper()
	path := findBrowser()
	if path == "" {
		t.Skip("no Chromium is installed, and TENSORFILE_BROWSER does not name one")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.NoSandbox, // tests run as root in containers
		chromedp.Flag("force-device-scale-factor", "1"),
		chromedp.Flag("hide-scrollbars", false),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
	)
	alloc, end := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, endBrowser := chromedp.NewContext(alloc)
	t.Cleanup(func() {
		chromedp.Cancel(ctx) // and wait
		endBrowser()
		end()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return &browser{ctx}
}

// A tab shows the page of a server.
type tab struct {
	t    *testing.T
	ctx  context.Context
	base string // address of the page, without a fragment

	mu       sync.Mutex
	problems []string // of the console, and requests that left the host
	expected []string // parts of problems that a test brings about itself
}

// serve shows files until the test ends, and returns the address of the page.
func serve(t *testing.T, paths ...string) string {
	t.Helper()
	s, err := viewer.New(paths, nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String() + s.Path()
}

// open opens a tab on files. Whatever the console of the browser says, and whatever it
// asks of another host, fails the test.
func (b *browser) open(t *testing.T, paths ...string) *tab {
	t.Helper()
	p := &tab{t: t, base: serve(t, paths...)}
	ctx, end := chromedp.NewContext(b.ctx)
	t.Cleanup(end)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	p.ctx = ctx
	host, err := url.Parse(p.base)
	if err != nil {
		t.Fatal(err)
	}
	err = chromedp.Listen(ctx, func(ev any) {
		switch ev := ev.(type) {
		case *runtime.EventExceptionThrown:
			text := ev.ExceptionDetails.Text
			if x := ev.ExceptionDetails.Exception; x != nil {
				text += " " + x.Description
			}
			p.problem(text)
		case *runtime.EventConsoleAPICalled:
			if ev.Type == runtime.ConsoleAPICalledTypeError || ev.Type == runtime.ConsoleAPICalledTypeWarning {
				for _, a := range ev.Args {
					p.problem(string(ev.Type) + ": " + string(a.Value) + a.Description)
				}
			}
		case *log.EventEntryAdded:
			if ev.Entry.Level == log.EntryLevelError {
				p.problem(ev.Entry.Text + " " + ev.Entry.URL)
			}
		case *network.EventRequestWillBeSent:
			if u, err := url.Parse(ev.Request.URL); err != nil || u.Host != host.Host && u.Scheme != "blob" && u.Scheme != "data" {
				p.problem("request to " + ev.Request.URL)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
	next:
		for _, text := range p.problems {
			for _, part := range p.expected {
				if strings.Contains(text, part) {
					continue next
				}
			}
			t.Errorf("the browser says: %s", text)
		}
	})
	call(p, network.Enable, network.EnableParams{})
	call(p, log.Enable, cdp.Empty{})
	call(p, runtime.Enable, cdp.Empty{})
	p.run(chromedp.EmulateViewport(1280, 800))
	return p
}

func (p *tab) problem(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problems = append(p.problems, text)
}

// expect allows problems that hold a text.
func (p *tab) expect(part string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expected = append(p.expected, part)
}

// call gives a command to the browser.
func call[P, R any](p *tab, command cdp.Command[P, R], params P) {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, command, params); err != nil {
		p.t.Fatal(err)
	}
}

func (p *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

// show goes to a fragment of the page and waits until its view is drawn.
func (p *tab) show(fragment string) {
	p.t.Helper()
	var loaded bool
	p.eval("document.getElementById('stage') !== null", &loaded)
	if loaded {
		p.eval(fmt.Sprintf("location.hash = %q", fragment), nil)
	} else {
		p.run(chromedp.Navigate(p.base + fragment))
	}
	p.settle()
}

// settle waits until nothing is being drawn or fetched.
func (p *tab) settle() {
	p.t.Helper()
	p.wait(`new Promise((resolve) => requestAnimationFrame(() => setTimeout(() => resolve(
		document.querySelector('#view').childElementCount > 0 &&
		!document.querySelector('#view [data-busy="1"]') && !document.querySelector('[aria-busy]')), 60)))`)
}

// wait evaluates an expression until it is true.
func (p *tab) wait(expression string) {
	p.t.Helper()
	end := time.Now().Add(time.Minute) // machines are loaded
	for {
		var ok bool
		p.eval(expression, &ok)
		if ok {
			return
		}
		if time.Now().After(end) {
			var state string
			p.eval("location.hash + ' | ' + document.getElementById('stage')?.innerText.slice(0, 500)", &state)
			p.t.Fatalf("never true: %s\nat %s", expression, state)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// eval evaluates an expression, waiting for a promise.
func (p *tab) eval(expression string, result any) {
	p.t.Helper()
	text, err := chromedp.Run(p.ctx, chromedp.Evaluate[string]("Promise.resolve("+expression+").then((v) => JSON.stringify(v ?? null))", chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	if result == nil {
		return
	}
	if err := json.Unmarshal([]byte(text), result); err != nil {
		p.t.Fatalf("%s: %s: %v", expression, text, err)
	}
}

// text is the text of the first element that a selector finds, "" without one.
func (p *tab) text(selector string) string {
	p.t.Helper()
	var s string
	p.eval(fmt.Sprintf("document.querySelector(%q)?.textContent ?? ''", selector), &s)
	return s
}

// texts are those of all elements that a selector finds and that are shown.
func (p *tab) texts(selector string) []string {
	p.t.Helper()
	var list []string
	p.eval(fmt.Sprintf("[...document.querySelectorAll(%q)].filter((e) => !e.hidden && e.offsetParent).map((e) => e.textContent)", selector), &list)
	return list
}

// press types keys as a keyboard does.
func (p *tab) press(keys ...string) {
	p.t.Helper()
	for _, k := range keys {
		p.run(chromedp.KeyEvent(k))
	}
}

// state is the fragment of the address, as the page has it, by key.
func (p *tab) state() map[string]string {
	p.t.Helper()
	var s string
	p.eval("import(document.querySelector('link[rel=modulepreload]').href).then((m) => (m.state.flush(), JSON.stringify(m.state.values)))", &s)
	out := map[string]string{}
	if err := json.Unmarshal([]byte(s), &out); err != nil {
		p.t.Fatal(err)
	}
	return out
}

// theme makes the browser prefer one.
func (p *tab) theme(name string) {
	p.t.Helper()
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}})
}

// A view of a plane, in elements and CSS pixels an element.
type planeView struct{ Cx, Cy, Zx, Zy float64 }

// The rulers of a plane: see plane.js.
const rulerX, rulerY = 58, 20

// cell is the place of a cell's middle on the canvas of the nth plane.
func (p *tab) cell(n, row, col int) (x, y float64) {
	p.t.Helper()
	var got struct {
		View          string
		Width, Height float64
	}
	p.eval(fmt.Sprintf(`(() => { const c = document.querySelectorAll('.plane-cells')[%d];
		return {view: c.dataset.view, width: c.clientWidth, height: c.clientHeight}; })()`, n), &got)
	var v planeView
	if err := json.Unmarshal([]byte(got.View), &v); err != nil {
		p.t.Fatalf("view %q: %v", got.View, err)
	}
	return rulerX + (got.Width-rulerX)/2 + (float64(col)+0.5-v.Cx)*v.Zx, rulerY + (got.Height-rulerY)/2 + (float64(row)+0.5-v.Cy)*v.Zy
}

// corner is the colour of a pixel near a corner of a cell, where no digits are.
func (p *tab) corner(n, row, col int) [3]uint8 {
	p.t.Helper()
	x, y := p.cell(n, row, col)
	var list []uint8
	var got []int
	p.eval(fmt.Sprintf(`(() => { const c = document.querySelectorAll('.plane-cells')[%d]; const v = JSON.parse(c.dataset.view);
		return [...c.getContext('2d').getImageData(Math.round(%g - v.zx * 0.38), Math.round(%g - v.zy * 0.4), 1, 1).data]; })()`, n, x, y), &got)
	for _, v := range got {
		list = append(list, uint8(v))
	}
	return [3]uint8{list[0], list[1], list[2]}
}

// hover moves the pointer over a cell and returns what the page reads there, once
// that ends with a value.
func (p *tab) hover(n, row, col int, want string) {
	p.t.Helper()
	x, y := p.cell(n, row, col)
	p.eval(fmt.Sprintf(`(() => { const c = document.querySelectorAll('.plane-cells')[%d]; const b = c.getBoundingClientRect();
		c.dispatchEvent(new PointerEvent('pointermove', {clientX: b.left + %g, clientY: b.top + %g, bubbles: true})); })()`, n, x, y), nil)
	p.wait(fmt.Sprintf("document.getElementById('read').textContent === %q", want))
}

// colours are the colour maps that the server gives, by name, in its order.
func (p *tab) colours(name string) [256][3]uint8 {
	p.t.Helper()
	var list []int
	p.eval(fmt.Sprintf(`import(document.querySelector('link[rel=modulepreload]').href).then((m) => m.maps()).then((all) => [...(all.get(%q) ?? all.values().next().value)])`, name), &list)
	if len(list) != 256 {
		p.t.Fatalf("a map of %d colours", len(list))
	}
	var out [256][3]uint8
	for i, v := range list {
		out[i] = [3]uint8{uint8(v), uint8(v >> 8), uint8(v >> 16)}
	}
	return out
}

// colourOf is what a value looks like on a linear scale.
func colourOf(lut [256][3]uint8, v, lo, hi float64) [3]uint8 {
	return lut[int(math.Max(0, math.Min(255, math.Floor((v-lo)/(hi-lo)*256))))]
}

// screenshot is the page as a PNG file.
func (p *tab) screenshot() []byte {
	p.t.Helper()
	b, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}
