package viewer

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// mayAsk reports whether the Host header names this server: a name or an address
// of the loopback interface with the port of the listener, or one that was given.
// Pages of other names whose address was changed to this machine are kept out (DNS
// rebinding).
func (s *Server) mayAsk(r *http.Request) bool {
	host, port := splitHost(r.Host)
	if host == "" {
		return false
	}
	own := "" // not known where there is no listener
	if a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		_, own, _ = net.SplitHostPort(a.String())
	}
	right := own == "" || port == own || port == "" && (own == "80" || own == "443")
	if right && loopback(host) {
		return true
	}
	for _, h := range s.opts.Hosts {
		name, p := splitHost(h)
		if strings.EqualFold(name, host) && (p == port && p != "" || p == "" && right) {
			return true
		}
	}
	return false
}

// splitHost cuts "host:port", "[::1]:port" or "host"; an empty host is none.
func splitHost(s string) (host, port string) {
	if h, p, err := net.SplitHostPort(s); err == nil {
		return h, p
	}
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		s = s[1 : len(s)-1]
		if _, err := netip.ParseAddr(s); err != nil {
			return "", ""
		}
		return s, ""
	}
	if strings.ContainsAny(s, ":[]/@") {
		return "", ""
	}
	return s, ""
}

// loopback reports whether a host is this machine by its name or address.
func loopback(host string) bool {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Zone() == "" && a.IsLoopback()
}

// sameOrigin reports whether a request comes from a page of this server, or from
// no page.
func sameOrigin(r *http.Request) bool {
	list, there := r.Header["Origin"]
	if !there {
		return true
	}
	if len(list) != 1 {
		return false
	}
	u, err := url.Parse(list[0])
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return err == nil && u.Scheme == scheme && strings.EqualFold(u.Host, r.Host) && u.User == nil && u.Path == "" && u.RawQuery == "" && u.Fragment == ""
}
