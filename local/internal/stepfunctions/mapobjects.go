package stepfunctions

// This file defines how map runs reach S3: as streams where S3 offers them, for
// objects may be larger than the memory.

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Objects reads and writes objects as streams, as somebody. Errors are S3's.
type Objects interface {
	// Read opens what the parameters of GetObject name.
	Read(ctx context.Context, as awswire.Identity, params jsonvalue.Value) (io.ReadCloser, error)
	Write(ctx context.Context, as awswire.Identity, bucket, key, contentType string, body io.Reader) error
}

func (s *Service) objects() Objects {
	if s.Objects != nil {
		return s.Objects
	}
	return wholeObjects{s.Caller}
}

// wholeObjects goes through S3's operations, which take and give whole bodies.
type wholeObjects struct{ Caller }

func (o wholeObjects) Read(ctx context.Context, as awswire.Identity, params jsonvalue.Value) (io.ReadCloser, error) {
	v, err := o.Call(ctx, as, "s3", "GetObject", params)
	if err != nil {
		return nil, err
	}
	body, err := base64.StdEncoding.DecodeString(text(member(v, "Body")))
	return io.NopCloser(bytes.NewReader(body)), err
}

func (o wholeObjects) Write(ctx context.Context, as awswire.Identity, bucket, key, contentType string, body io.Reader) error {
	all, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	_, err = o.Call(ctx, as, "s3", "PutObject", jsonvalue.NewObject(
		jsonvalue.Member{Name: "Bucket", Value: bucket}, jsonvalue.Member{Name: "Key", Value: key},
		jsonvalue.Member{Name: "ContentType", Value: contentType}, jsonvalue.Member{Name: "Body", Value: base64.StdEncoding.EncodeToString(all)}))
	return err
}
