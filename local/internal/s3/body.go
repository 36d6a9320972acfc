package s3

// This file defines bodies on their way in: decoding, checking and storing them,
// and bodies as members of operations.

import (
	"bufio"
	"bytes"
	"crypto/md5" //nolint:gosec // AWS's ETag
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// limits of AWS:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
const (
	maxUpload   = 5 << 30   // of one PutObject or part
	minPart     = 5 << 20   // of every part but the last
	maxInMemory = 256 << 20 // of a body that an in-process caller gets whole
)

// incoming is a body on its way in, with what its sender says of it.
type incoming struct {
	reader    io.Reader
	size      int64 // -1: not said
	md5       string
	sha256    string // hex
	algorithm string // of the checksum: stated, in the trailer, or asked for
	sum       string
	trailer   http.Header // filled when the body has been read
}

// received is a body that is on disk.
type received struct {
	body []segment
	size int64
	md5  []byte
	sums map[string]string // by algorithm
}

func (r *received) etag() string { return `"` + hex.EncodeToString(r.md5) + `"` }

// newIncoming reads what the headers of a request say of its body.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
func newIncoming(r *http.Request) (*incoming, error) {
	in := &incoming{reader: r.Body, size: r.ContentLength, md5: r.Header.Get("Content-Md5")}
	if in.md5 != "" {
		if sum, err := base64.StdEncoding.DecodeString(in.md5); err != nil || len(sum) != md5.Size {
			return nil, newError("InvalidDigest", "Content-MD5", in.md5)
		}
	}
	switch hash := r.Header.Get("X-Amz-Content-Sha256"); {
	case strings.HasPrefix(hash, "STREAMING-"):
		n, err := strconv.ParseInt(r.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64)
		if err != nil || n < 0 {
			return nil, newError("MissingContentLength")
		}
		in.size, in.trailer, in.algorithm = n, http.Header{}, announced(r.Header)
		in.reader = &chunked{in: bufio.NewReaderSize(r.Body, 64<<10), trailer: in.trailer, want: n}
	case len(hash) == hex.EncodedLen(sha256.Size):
		in.sha256 = hash
	}
	if in.size < 0 {
		return nil, newError("MissingContentLength")
	}
	if in.size > maxUpload {
		return nil, newError("EntityTooLarge", "MaxSizeAllowed", maxUpload, "ProposedSize", in.size)
	}
	return in, nil
}

// receive stores a body and checks it against what its sender said. algorithms
// are further checksums to compute.
func (s *Service) receive(in *incoming, algorithms ...string) (*received, error) {
	sum, content := md5.New(), sha256.New()
	writers := []io.Writer{sum}
	if in.sha256 != "" {
		writers = append(writers, content)
	}
	hashes := map[string]hash.Hash{}
	for _, a := range append(algorithms, in.algorithm) {
		if h := newHash(a); h != nil && hashes[a] == nil {
			hashes[a] = h
			writers = append(writers, h)
		}
	}
	count := &counter{}
	body, err := s.files.write(io.TeeReader(in.reader, io.MultiWriter(append(writers, count)...)))
	if err != nil {
		return nil, readFault(err)
	}
	got := &received{body: body, size: count.n, md5: sum.Sum(nil), sums: map[string]string{}}
	for a, h := range hashes {
		got.sums[a] = encodeSum(h)
	}
	if err := in.verify(got, content); err != nil {
		s.files.remove(body)
		return nil, err
	}
	return got, nil
}

// verify compares what was received with what was said.
func (in *incoming) verify(got *received, content hash.Hash) error {
	if in.size >= 0 && got.size != in.size {
		return newError("IncompleteBody")
	}
	if in.md5 != "" && in.md5 != base64.StdEncoding.EncodeToString(got.md5) {
		return newError("BadDigest", "CalculatedDigest", base64.StdEncoding.EncodeToString(got.md5), "ExpectedDigest", in.md5)
	}
	if in.sha256 != "" {
		if sum := hex.EncodeToString(content.Sum(nil)); subtle.ConstantTimeCompare([]byte(sum), []byte(strings.ToLower(in.sha256))) != 1 {
			return newError("XAmzContentSHA256Mismatch", "ClientComputedContentSHA256", in.sha256, "S3ComputedContentSHA256", sum)
		}
	}
	want := in.sum
	if want == "" && in.trailer != nil {
		want = in.trailer.Get(checksumHeader(in.algorithm))
	}
	if want == "" || in.algorithm == "" {
		return nil
	}
	if !validSum(in.algorithm, want) {
		return errRequest("Value for x-amz-checksum-%s header is invalid.", strings.ToLower(in.algorithm))
	}
	if want != got.sums[in.algorithm] {
		return saying(newError("BadDigest"), "The %s you specified did not match the calculated checksum.", in.algorithm)
	}
	return nil
}

// expect takes over the checksum that a request states in a header.
func (in *incoming) expect(c *checksums, asked string) error {
	algorithm, value, err := c.stated()
	if err != nil {
		return err
	}
	asked = strings.ToUpper(asked)
	if err := checkAlgorithm(asked); err != nil {
		return err
	}
	switch {
	case algorithm != "":
		if !validSum(algorithm, value) {
			return errRequest("Value for x-amz-checksum-%s header is invalid.", strings.ToLower(algorithm))
		}
		in.algorithm, in.sum = algorithm, value
	case in.algorithm == "":
		in.algorithm = asked
	}
	return nil
}

// readFault is what to answer when a body ends early or breaks off.
func readFault(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, http.ErrBodyReadAfterClose) {
		return newError("IncompleteBody")
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return newError("RequestTimeout")
	}
	return err
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

// chunked decodes aws-chunked: chunks with their sizes, then trailing headers.
type chunked struct {
	in      *bufio.Reader
	trailer http.Header
	want    int64 // bytes still to come, by the header
	left    int64 // of the chunk
	done    bool
}

// Read implements io.Reader.
func (c *chunked) Read(p []byte) (int, error) {
	if c.done {
		return 0, io.EOF
	}
	if c.left == 0 {
		if err := c.next(); err != nil || c.done {
			return 0, cmpErr(err)
		}
	}
	n, err := c.in.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if err == nil && c.left == 0 {
		err = c.line("")
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func cmpErr(err error) error {
	if err == nil {
		return io.EOF
	}
	return err
}

// next reads the size of the next chunk; the last one has none and is followed by
// the trailer.
func (c *chunked) next() error {
	line, err := c.read()
	if err != nil {
		return err
	}
	digits, _, _ := strings.Cut(line, ";")
	size, err := strconv.ParseInt(digits, 16, 64)
	if err != nil || size < 0 || size > c.want {
		return newError("IncompleteBody")
	}
	c.left, c.want = size, c.want-size
	if size > 0 {
		return nil
	}
	c.done = true
	for {
		line, err := c.read()
		if line == "" { // the end, with or without its empty line
			return nil
		}
		if err != nil {
			return err
		}
		name, value, _ := strings.Cut(line, ":")
		c.trailer.Set(strings.TrimSpace(name), strings.TrimSpace(value))
	}
}

func (c *chunked) line(want string) error {
	line, err := c.read()
	if err == nil && line != want {
		err = newError("IncompleteBody")
	}
	return err
}

func (c *chunked) read() (string, error) {
	line, err := c.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", newError("IncompleteBody")
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return strings.TrimRight(string(line), "\r\n"), err
}

// upload is a body as a member of an input: a stream on the wire, base64 in
// process.
type upload struct{ *incoming }

// UnmarshalJSONFrom reads base64, the form that bytes have in process.
func (u *upload) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	token, err := dec.ReadToken()
	if err != nil {
		return err
	}
	data, bad := base64.StdEncoding.DecodeString(token.String())
	if token.Kind() != '"' || bad != nil {
		return errArgument("Body", "", "Body must be text in base64")
	}
	u.incoming = &incoming{reader: bytes.NewReader(data), size: int64(len(data))}
	return nil
}

// content is the body, or a range of it, as a member of an output.
type content struct {
	io.Reader
	size  int64
	close func() error
}

// MarshalJSONTo writes base64.
func (c *content) MarshalJSONTo(enc *jsontext.Encoder) error {
	defer func() { _ = c.close() }()
	if c.size > maxInMemory {
		return errRequest("The object has %d bytes; an in-process reader gets at most %d. Read a range.", c.size, int64(maxInMemory))
	}
	data, err := io.ReadAll(c)
	if err != nil {
		return err
	}
	return enc.WriteToken(jsontext.String(base64.StdEncoding.EncodeToString(data)))
}

// verifyWhole is verify for a body in memory.
func (in *incoming) verifyWhole(text []byte) error {
	sum, content := md5.Sum(text), sha256.New()
	content.Write(text)
	got := &received{size: int64(len(text)), md5: sum[:], sums: map[string]string{}}
	if h := newHash(in.algorithm); h != nil {
		h.Write(text)
		got.sums[in.algorithm] = encodeSum(h)
	}
	return in.verify(got, content)
}
