package s3

import (
	"cmp"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-ini/ini"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"
	"github.com/tensorfile/tensorfile/remote/httprange"
	"github.com/tensorfile/tensorfile/tensor"
)

// Options say where a store is, who asks, and how objects are read and written. The
// zero value, and nil, are the defaults, which environment and files of configuration
// say.
type Options struct {
	// Endpoint is the address of the store, http or https. Default: the variable
	// AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, endpoint_url of the profile, or Amazon's
	// of the region. Google's is https://storage.googleapis.com.
	Endpoint string
	// Region that requests are signed for. Default: the variable AWS_REGION or
	// AWS_DEFAULT_REGION, region of the profile, or us-east-1. Of a bucket of Amazon's
	// in another one the answer says so, and the request is made again.
	Region string
	// Profile is a section of ~/.aws/config and ~/.aws/credentials, or of the files
	// that AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name. Default: the variable
	// AWS_PROFILE, or "default".
	Profile string
	// PathStyle puts the bucket into the path of a request and not into the name of
	// its host. Default: false, it is so wherever Endpoint is not Amazon's or Google's,
	// and for buckets with a dot.
	PathStyle bool
	// AccessKey, SecretKey and SessionToken sign requests. Default: those of the
	// variables AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, of the
	// profile, of the container or the machine. If there are none, requests are not
	// signed.
	AccessKey, SecretKey, SessionToken string
	// Anonymous leaves requests without a signature. Default: false.
	Anonymous bool

	// Transport makes the requests. Default: one that all objects share, with the
	// proxy that the environment names.
	Transport http.RoundTripper
	// Range says how objects are read: see httprange.Options. Its Header, Transport
	// and Name are this package's, and so are two defaults: Parallel is 32, CacheBytes
	// 128 MiB.
	Range httprange.Options

	// PartSize is how many bytes of an object that is written go with a request, at
	// least 5 MiB. There are 10,000 parts at most. Default: 16 MiB.
	PartSize int64
	// Parts is how many parts are on their way at a time. Default: 4.
	Parts int
	// Overwrite replaces an object that is there. Default: false.
	Overwrite bool
}

// A store is where the objects of a bucket are.
type store struct {
	bucket    string
	endpoint  *url.URL
	amazon    bool
	pathStyle bool
	creds     *credentials.Credentials // nil: requests are not signed
	base      http.RoundTripper

	mu     sync.Mutex
	region string // guarded by mu: answers correct it
}

// shared makes the requests of all objects, so that those of one store share their
// connections.
var shared = sync.OnceValue(func() http.RoundTripper {
	t, ok := http.DefaultTransport.(*http.Transport)
	if ok {
		t = t.Clone()
	} else {
		t = &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
	}
	t.DisableCompression = true
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 256, 64
	t.MaxResponseHeaderBytes = 256 << 10
	return t
})

// newStore finds out where a bucket is and who asks.
func newStore(bucket string, o *Options) (*store, error) {
	s := &store{bucket: bucket, base: o.Transport}
	if s.base == nil {
		s.base = shared()
	}
	profile := cmp.Or(o.Profile, os.Getenv("AWS_PROFILE"), "default")
	section := configOf(profile)
	s.region = cmp.Or(o.Region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"), section("region"), "us-east-1")
	text := cmp.Or(o.Endpoint, os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"), section("endpoint_url"))
	if text == "" {
		text = "https://s3." + s.region + ".amazonaws.com"
	}
	bad := func(field, got, want string) error {
		return &tensor.Error{Kind: tensor.ErrUnsupported, Path: Scheme + "://" + bucket, Offset: -1, Field: field, Got: got, Want: want}
	}
	for _, c := range s.region {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' {
			return nil, bad("region", tensor.Quote(s.region), "one such as us-east-1")
		}
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "" {
		return nil, bad("endpoint", tensor.Quote(httprange.Redact(text)), "http://HOST or https://HOST")
	}
	s.endpoint = &url.URL{Scheme: u.Scheme, Host: u.Host}
	s.amazon = s3utils.IsAmazonEndpoint(*s.endpoint)
	s.pathStyle = o.PathStyle || !s.amazon && !s3utils.IsGoogleEndpoint(*s.endpoint) || strings.Contains(bucket, ".")
	switch {
	case o.Anonymous:
	case o.AccessKey != "":
		s.creds = credentials.NewStaticV4(o.AccessKey, o.SecretKey, o.SessionToken)
	default:
		s.creds = chain(profile)
	}
	return s, nil
}

// configOf reads a profile of the configuration. What is not there, or cannot be
// read, says nothing.
func configOf(profile string) func(key string) string {
	path := os.Getenv("AWS_CONFIG_FILE")
	if home, err := os.UserHomeDir(); path == "" && err == nil {
		path = filepath.Join(home, ".aws", "config")
	}
	none := func(string) string { return "" }
	if path == "" {
		return none
	}
	f, err := ini.LoadSources(ini.LoadOptions{Loose: true}, path)
	if err != nil {
		return none
	}
	for _, name := range []string{"profile " + profile, profile} {
		if s, err := f.GetSection(name); err == nil {
			return func(key string) string { return s.Key(key).String() }
		}
	}
	return none
}

// chains keeps the credentials of each profile, which all objects share.
var chains sync.Map // profile -> *credentials.Credentials

// chain looks for credentials in the environment, the profile, and the container or
// machine.
func chain(profile string) *credentials.Credentials {
	if c, ok := chains.Load(profile); ok && os.Getenv("AWS_ACCESS_KEY_ID") == "" {
		return c.(*credentials.Credentials)
	}
	list := []credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{Profile: profile}}
	if off, _ := strconv.ParseBool(os.Getenv("AWS_EC2_METADATA_DISABLED")); !off {
		// Where there is no such service nothing answers, for long.
		list = append(list, &credentials.IAM{Client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: time.Second}).DialContext, DisableKeepAlives: true,
		}}})
	}
	c := credentials.New(&patient{Chain: credentials.Chain{Providers: list}})
	chains.Store(profile, c)
	return c
}

// patient is a chain that does not read files, and ask the machine, for each request.
// A store that takes the credentials for expired makes it ask at once.
type patient struct {
	credentials.Chain
	until time.Time // what was found is good for so long at least
}

const (
	askAgain  = time.Minute     // for what has no end of its own
	lookAgain = 5 * time.Minute // for what is nowhere
)

func (p *patient) RetrieveWithCredContext(c *credentials.CredContext) (credentials.Value, error) {
	v, err := p.Chain.RetrieveWithCredContext(c)
	switch {
	case err != nil:
		p.until = time.Time{}
	case v.AccessKeyID == "":
		p.until = time.Now().Add(lookAgain)
	case v.Expiration.IsZero():
		p.until = time.Now().Add(askAgain)
	default:
		p.until = time.Time{} // the chain knows
	}
	return v, err
}

func (p *patient) Retrieve() (credentials.Value, error) { return p.RetrieveWithCredContext(nil) }

func (p *patient) IsExpired() bool {
	if !p.until.IsZero() {
		return time.Now().After(p.until)
	}
	return p.Chain.IsExpired()
}

// url is the address of a key, for requests.
func (s *store) url(key string) *url.URL {
	u := *s.endpoint
	if s.amazon {
		u.Host = s.host()
	}
	path := "/" + key
	if s.pathStyle {
		path = "/" + s.bucket + path
	} else {
		u.Host = s.bucket + "." + u.Host
	}
	u.Path, u.RawPath = path, s3utils.EncodePath(path)
	return &u
}

// host is that of Amazon's endpoint in the region of the bucket.
func (s *store) host() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.endpoint.Port() != "" || strings.Contains(s.endpoint.Host, "-") && !strings.HasPrefix(s.endpoint.Host, "s3.") {
		return s.endpoint.Host // of a special kind: said on purpose
	}
	return "s3." + s.region + ".amazonaws.com"
}
