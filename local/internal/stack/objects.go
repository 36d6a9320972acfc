package stack

// This file lets map runs read and write objects of S3 as streams.

import (
	"context"
	"io"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/s3"
)

// objectStreams implements [stepfunctions.Objects].
type objectStreams struct{ *s3.Service }

func (o objectStreams) Read(ctx context.Context, as awswire.Identity, params jsonvalue.Value) (io.ReadCloser, error) {
	of, _ := params.(*jsonvalue.Object)
	name := func(member string) string {
		v, _ := of.Get(member)
		text, _ := v.(string)
		return text
	}
	body, _, err := o.OpenObject(ctx, as, name("Bucket"), name("Key"), name("VersionId"))
	return body, err
}

func (o objectStreams) Write(ctx context.Context, as awswire.Identity, bucket, key, contentType string, body io.Reader) error {
	_, err := o.StoreObject(ctx, as, bucket, key, contentType, body)
	return err
}
