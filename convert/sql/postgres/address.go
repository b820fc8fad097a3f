package postgres

import (
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
	tensorsql "github.com/tensorfile/tensorfile/convert/sql"
	"github.com/tensorfile/tensorfile/tensor"
)

// config reads an address. The driver never sees a password that stands in it, so
// that none of its errors can show it.
func config(address string) (*pgx.ConnConfig, error) {
	fail := func(err error, got, want string) error {
		e := &tensor.Error{Kind: tensor.ErrFormat, Format: formatName, Offset: -1, Field: "address", Got: got, Want: want}
		if err != nil {
			e.Err = tensorsql.Shown{Err: err}
		}
		return e
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, fail(nil, "one that cannot be taken apart", "postgres://user@host/database, with %2F for / and %40 for @ in names and passwords")
	}
	password, given := "", false
	if u.User != nil {
		if password, given = u.User.Password(); given {
			u.User = url.User(u.User.Username())
		}
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, fail(nil, "parameters that cannot be taken apart", "?name=value&name=value")
	}
	for key, values := range q {
		switch strings.ToLower(key) {
		case "password":
			password, given = values[len(values)-1], true
			delete(q, key)
		case "sslpassword":
			return nil, fail(nil, "sslpassword", "a key without a password")
		}
	}
	u.RawQuery, u.Fragment = q.Encode(), ""
	if u.Host == "" && u.Path == "" {
		u.Path = "/" // or the address would be "postgres:"
	}
	c, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, fail(err, "", "")
	}
	if given {
		c.Password = password
	}
	return c, nil
}

// redact is an address without password and parameters.
func redact(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		scheme, _, _ := strings.Cut(address, "://")
		return scheme + "://..."
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = "", false, "", ""
	return u.String()
}
