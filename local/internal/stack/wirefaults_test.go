package stack

// This file defines the test of what AWS answers to faults on the wire, for each
// protocol, over the listener.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// TestWireFaults sends the requests of testdata/wirefaults.txt, each a line
//
//	service | fault | METHOD PATH | header lines, by ; | body | status | text of the answer
//
// Any key signs, but for the faults called wrong secret (a known key's), expired URL
// and nobody signed.
func TestWireFaults(t *testing.T) {
	h := newHostile(t)
	known := knownKey(t, h.stack)
	text, err := os.ReadFile("testdata/wirefaults.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases := 0
	for i, line := range strings.Split(string(text), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, "|")
		if len(f) != 7 {
			t.Fatalf("line %d has %d fields", i+1, len(f))
		}
		for j := range f {
			f[j] = strings.TrimSpace(f[j])
		}
		status, answer := sendFault(t, h.stack.URL(), known, f)
		if strconv.Itoa(status) != f[5] || !strings.Contains(answer, f[6]) {
			t.Errorf("line %d, %s: %s: %d %s; want %s %s", i+1, f[0], f[1], status, answer, f[5], f[6])
		}
		cases++
	}
	t.Logf("%d faults answered", cases)
}

// knownKey is a session's: only of those is the secret known, so that signatures
// can be judged.
func knownKey(t *testing.T, s *Stack) aws.Credentials {
	url := s.URL()
	sdk := aws.Config{Region: "us-east-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("any", "thing", "")}
	if _, err := iam.NewFromConfig(sdk).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("signer"), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}}`)}); err != nil {
		t.Fatal(err)
	}
	out, err := sts.NewFromConfig(sdk).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::123456789012:role/signer"), RoleSessionName: aws.String("session")})
	if err != nil {
		t.Fatal(err)
	}
	return aws.Credentials{AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: "another", SessionToken: *out.Credentials.SessionToken}
}

func sendFault(t *testing.T, url string, known aws.Credentials, f []string) (status int, answer string) {
	method, path, _ := strings.Cut(f[2], " ")
	body, err := strconv.Unquote("`" + f[4] + "`")
	if strings.HasPrefix(f[4], `"`) {
		body, err = strconv.Unquote(f[4]) // bytes
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	for header := range strings.SplitSeq(f[3], ";") {
		if name, value, ok := strings.Cut(strings.TrimSpace(header), ": "); ok {
			r.Header.Set(name, value)
		}
	}
	signFault(t, r, f, body, known)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("X-Amzn-Errortype") + string(text)
}

func signFault(t *testing.T, r *http.Request, f []string, body string, known aws.Credentials) {
	signing := map[string]string{"cloudwatch": "monitoring"}[f[0]]
	if signing == "" {
		signing = f[0]
	}
	sum := sha256.Sum256([]byte(body))
	hash := hex.EncodeToString(sum[:])
	if f[0] == "s3" {
		r.Header.Set("X-Amz-Content-Sha256", hash)
	}
	who, at := aws.Credentials{AccessKeyID: "any", SecretAccessKey: "thing"}, time.Now()
	switch f[1] {
	case "nobody signed":
		return
	case "wrong secret":
		who = known
	case "expired URL":
		q := r.URL.Query()
		q.Set("X-Amz-Expires", "60")
		r.URL.RawQuery = q.Encode()
		signed, _, err := v4.NewSigner().PresignHTTP(context.Background(), known, r, "UNSIGNED-PAYLOAD", signing, "us-east-1", at.Add(-time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if r.URL, err = r.URL.Parse(signed); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := v4.NewSigner().SignHTTP(context.Background(), who, r, hash, signing, "us-east-1", at); err != nil {
		t.Fatal(err)
	}
}
