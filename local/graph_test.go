package main

import (
	"os"
	"testing"

	"github.com/stepworks/stepworks/local/simulate"
)

// TestThePictureInTheReadmeIsCurrent holds the drawing of the order workflow to
// its definition.
func TestThePictureInTheReadmeIsCurrent(t *testing.T) {
	m, err := simulate.Load("../statemachines/order-processing.asl.json", simulate.Anything)
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := os.ReadFile("../docs/images/order-processing.svg")
	if err != nil {
		t.Fatal(err)
	}
	if m.Drawing("The state machine order-processing") != string(drawn) {
		t.Error("docs/images/order-processing.svg is not what statemachines/order-processing.asl.json says: make screenshots, or go run ./local graph statemachines/order-processing.asl.json > docs/images/order-processing.svg")
	}
}
