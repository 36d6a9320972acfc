package iam_test

import (
	"fmt"

	"github.com/stepworks/stepworks/local/internal/iam"
)

func ExampleEvaluate() {
	policy, err := iam.ParsePolicy("Validate", []byte(`{
		"Version": "2012-10-17",
		"Statement": [{"Sid": "StoreOrder", "Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:PutItem"],
		               "Resource": "arn:aws:dynamodb:us-east-1:123456789012:table/Orders"}]}`), iam.IdentityPolicy)
	if err != nil {
		fmt.Println(err)
		return
	}
	who := iam.Principal{ARN: "arn:aws:sts::123456789012:assumed-role/ValidateRole/validate", Role: "arn:aws:iam::123456789012:role/ValidateRole", Account: "123456789012"}
	for _, action := range []string{"dynamodb:PutItem", "dynamodb:DeleteItem"} {
		d := iam.Evaluate(iam.Request{Principal: who, Action: action, Resource: "arn:aws:dynamodb:us-east-1:123456789012:table/Orders"},
			iam.Policies{Identity: []*iam.Policy{policy}})
		if d.Allowed {
			fmt.Println("allowed by", d.Statement.Sid)
		} else {
			fmt.Println(d.Message())
		}
	}
	// Output:
	// allowed by StoreOrder
	// User: arn:aws:sts::123456789012:assumed-role/ValidateRole/validate is not authorized to perform: dynamodb:DeleteItem on resource: arn:aws:dynamodb:us-east-1:123456789012:table/Orders because no identity-based policy allows the dynamodb:DeleteItem action
}
