package stepfunctions

// This file defines map runs: the child executions of a distributed Map state.

import (
	"strings"

	"github.com/stepworks/stepworks/local/internal/asl/interp"
)

func (s *Service) startMapRun(r *run, c interp.StartMapRun) {
	r.tell(interp.MapRunFailed{MapRun: c.MapRun, Error: "States.Runtime", Cause: "The local AWS does not run distributed Map states yet"})
}

func (s *Service) cancelMapRun(*run, interp.CancelMapRun) {}

func (s *Service) redriveMapRun(*run, interp.RedriveMapRun) {}

func (s *Service) itemEnded(*record) {}

func (s *Service) mapRunARN(key string) string { return "" }

func (s *Service) mapRunScope(in *listExecutionsInput) (string, func(*record) bool, error) {
	return "", nil, errNoResource(in.MapRunArn)
}

// splitLabel takes MACHINE/LABEL apart.
func splitLabel(machine string) (name, label string) {
	name, label, _ = strings.Cut(machine, "/")
	return name, label
}
