package eventpattern

import (
	"fmt"
	"testing"
)

// orderEvent is an order of 450 bytes.
const orderEvent = `{"version":"0","id":"6a7e8feb-b491-4cf7-a9f1-bf3703467718","detail-type":"Order Placed","source":"ecommerce.orders","account":"123456789012","time":"2026-11-20T10:30:00Z","region":"us-east-1","resources":[],"detail":{"orderId":"ORD-20261120-0042","customerId":"CUST-1789","status":"pending","amount":1029.98,"currency":"USD","items":2,"channel":"web","shippingAddress":{"city":"Springfield","zip":"62704","country":"US","ip":"10.1.2.3"}}}`

// mixedRules returns n rules that take the operators in turn, each on an order's
// field and each with a value of its own, so that no two rules share a test.
func mixedRules(n int) []*Pattern {
	shapes := []string{
		`{"source":["ecommerce.orders","shop.%[1]d"],"detail-type":["Order Placed %[1]d"]}`,
		`{"source":["ecommerce.orders"],"detail":{"customerId":["CUST-%[1]d"],"status":["pending"]}}`,
		`{"source":["ecommerce.orders"],"detail":{"orderId":[{"prefix":"ORD-2026%[1]d"}]}}`,
		`{"detail-type":["Order Placed"],"detail":{"status":[{"anything-but":["cancelled","refunded-%[1]d"]}],"currency":["C%[1]d"]}}`,
		`{"detail":{"shippingAddress":{"city":[{"wildcard":"S*g%[1]d*d"}]}}}`,
		`{"source":["ecommerce.orders"],"detail":{"coupon%[1]d":[{"exists":true}]}}`,
		`{"detail-type":["Order Placed"],"detail":{"amount":[{"numeric":[">",%[1]d000,"<=",%[1]d500]}]}}`,
	}
	patterns := make([]*Pattern, n)
	for i := range patterns {
		p, err := Compile(fmt.Appendf(nil, shapes[i%len(shapes)], i+1))
		if err != nil {
			panic(err)
		}
		patterns[i] = p
	}
	return patterns
}

// BenchmarkSetMatch reports events/s on one core, parsing included.
func BenchmarkSetMatch(b *testing.B) {
	for _, rules := range []int{1, 30, 300, 3000} {
		b.Run(fmt.Sprintf("%d rules", rules), func(b *testing.B) {
			set, event := NewSet(mixedRules(rules)), []byte(orderEvent)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := set.Match(event); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
