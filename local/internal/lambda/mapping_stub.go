package lambda

import (
	"github.com/stepworks/stepworks/local/internal/awswire"
)

type pollers struct{ service *Service }

func (p *pollers) resume() error { return nil }
func (p *pollers) close()        {}

type mapping struct{ Tags map[string]string }

func (s *Service) changeMapping(id string, none error, change func(m *mapping) error) error {
	return none
}
func (s *Service) mappingOperations() []awswire.Operation { return nil }
