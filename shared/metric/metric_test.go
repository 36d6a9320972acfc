package metric

import (
	"bufio"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLines(t *testing.T) {
	at := time.UnixMilli(1795428000000)
	assert.JSONEq(t, `{"_aws":{"Timestamp":1795428000000,"CloudWatchMetrics":[{"Namespace":"Stepworks","Dimensions":[["Stack"]],"Metrics":[{"Name":"OrdersAccepted","Unit":"Count"}]}]},
		"Stack":"dev-stepworks","OrdersAccepted":1}`, string(line("dev-stepworks", at, OrdersAccepted, "Count", "1", "", "")))
	assert.JSONEq(t, `{"_aws":{"Timestamp":1795428000000,"CloudWatchMetrics":[{"Namespace":"Stepworks","Dimensions":[["Stack","Currency"]],"Metrics":[{"Name":"OrderValue","Unit":"None"}]}]},
		"Stack":"s","Currency":"USD","OrderValue":1029.98}`, string(line("s", at, OrderValue, "None", "1029.98", "Currency", "USD")))
	assert.Empty(t, line("s", at, OrderValue, "None", "much", "Currency", "USD"), "no line is better than one that is no JSON")
}

// TestWritesOneLine, and only in Lambda.
func TestWritesOneLine(t *testing.T) {
	read, write, err := os.Pipe()
	require.NoError(t, err)
	before := os.Stdout
	os.Stdout = write
	defer func() { os.Stdout = before }()
	t.Setenv("AWS_LAMBDA_FUNCTION_NAME", "")
	Count(OrdersRefused)
	t.Setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
	t.Setenv("STACK", "")
	Count(OrdersAccepted)
	t.Setenv("STACK", "dev-stepworks")
	Value(OrderValue, "1.10", "Currency", "EUR")
	require.NoError(t, write.Close())
	var lines []string
	for scanner := bufio.NewScanner(read); scanner.Scan(); {
		lines = append(lines, scanner.Text())
	}
	require.Len(t, lines, 2)
	assert.Contains(t, lines[0], `"Stack":"stepworks"`)
	assert.Contains(t, lines[1], `"OrderValue":1.10`)
}
