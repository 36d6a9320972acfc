package stepfunctions

// This file defines paging: how many results a page has, and tokens that say
// where the next one begins.

import (
	"encoding/base64"
	"iter"

	"github.com/stepworks/stepworks/local/internal/store"
)

// defaultPage is what zero or no maxResults means:
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html
const defaultPage = 100

func pageSize(asked int) int {
	if asked <= 0 {
		return defaultPage
	}
	return asked
}

// nextToken spells the key at which the next page begins.
func nextToken(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }

// tokenKey reads a token; the key must lie within the range that is paged.
func tokenKey(token, from, to string) (string, error) {
	if token == "" {
		return "", nil
	}
	key, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || string(key) < from || to != "" && string(key) >= to {
		return "", errInvalidToken()
	}
	return string(key), nil
}

// page collects up to limit of the entries that pick turns into results, and
// the token of the next one.
func page[T any](entries iter.Seq2[string, []byte], limit int, pick func(key string, value []byte) (T, bool)) (items []T, token string) {
	items = []T{}
	for key, value := range entries {
		if item, ok := pick(key, value); ok {
			if len(items) == limit {
				return items, nextToken(key)
			}
			items = append(items, item)
		}
	}
	return items, ""
}

// pageForward reads a range in order from where a token says.
func pageForward[T any](r store.Reader, bucket, from, to, token string, limit int, pick func(key string, value []byte) (T, bool)) ([]T, string, error) {
	start, err := tokenKey(token, from, to)
	if err != nil {
		return nil, "", err
	}
	items, next := page(r.Scan(bucket, max(start, from), to), limit, pick)
	return items, next, nil
}

// pageBack reads a range from its end; the token's key is the last of the page
// that follows.
func pageBack[T any](r store.Reader, bucket, from, to, token string, limit int, pick func(key string, value []byte) (T, bool)) ([]T, string, error) {
	start, err := tokenKey(token, from, to)
	if err != nil {
		return nil, "", err
	}
	if start != "" {
		to = start + "\x00" // the first key behind it
	}
	items, next := page(r.ScanBack(bucket, from, to), limit, pick)
	return items, next, nil
}
