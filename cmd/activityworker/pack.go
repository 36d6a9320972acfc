package main

// This file defines the work: packing parcels.

import (
	"context"
	"encoding/json"
	"time"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/pause"
)

// task is what the activity is asked for.
type task struct {
	Reference string `json:"reference"`
	Pieces    int    `json:"pieces"`
}

// parcels is what comes of it.
type parcels struct {
	Reference string `json:"reference"`
	Pieces    int    `json:"pieces"`
	Parcels   int    `json:"parcels"`
}

const (
	parcelHolds = 8
	mostPieces  = 1000
)

// packer packs.
type packer struct{ perPiece time.Duration }

func (p packer) pack(ctx context.Context, input []byte) (any, error) {
	var in task
	if err := json.Unmarshal(input, &in); err != nil {
		return nil, failure.Wrap(failure.InputMalformed, err, "the task must be {reference, pieces}")
	}
	if in.Reference == "" || in.Pieces < 1 || in.Pieces > mostPieces {
		return nil, failure.New(failure.InputMalformed, "the task must name a reference and 1 to %d pieces, not %q and %d", mostPieces, in.Reference, in.Pieces)
	}
	if err := pause.For(ctx, time.Duration(in.Pieces)*p.perPiece); err != nil {
		return nil, err
	}
	return parcels{Reference: in.Reference, Pieces: in.Pieces, Parcels: (in.Pieces + parcelHolds - 1) / parcelHolds}, nil
}
