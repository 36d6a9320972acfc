package eventpattern_test

import (
	"fmt"

	"github.com/stepworks/stepworks/local/internal/eventpattern"
)

func ExamplePattern_Explain() {
	pattern, err := eventpattern.Compile([]byte(`{"source": ["myapp.orders"], "detail": {"amount": [{"numeric": [">", 0]}]}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, event := range []string{
		`{"source": "myapp.orders", "detail": {"amount": 12.5}}`,
		`{"source": "myapp.orders", "detail": {"amount": "12.5"}}`,
	} {
		why, _ := pattern.Explain([]byte(event))
		fmt.Println(why)
	}
	// Output:
	// matched
	// detail.amount is "12.5", the pattern wants a number > 0
}

func ExampleCompile_invalid() {
	_, err := eventpattern.Compile([]byte(`{"time": [{"prefix": 123}]}`))
	fmt.Println(err)
	// Output:
	// prefix match pattern must be a string
	//  at [Source: (String)"{"time": [{"prefix": 123}]}"; line: 1, column: 25]
}
