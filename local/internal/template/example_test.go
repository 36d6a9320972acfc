package template_test

import (
	"fmt"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/template"
)

// made stands for resources that exist.
type made map[string]string

func (m made) Ref(id string) (jsonvalue.Value, bool) { v, ok := m[id]; return v, ok }

func (m made) GetAtt(id, attribute string) (jsonvalue.Value, bool) {
	v, ok := m[id+"."+attribute]
	return v, ok
}

func Example() {
	parsed, err := template.Parse("template.yaml", []byte(`
Transform: AWS::Serverless-2016-10-31
Parameters:
  Prefix: {Type: String, Default: ''}
Resources:
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub '${Prefix}worker'
      Runtime: provided.al2023
      Handler: bootstrap
      CodeUri: .
      Timeout: '30'
      Environment: {Variables: {QUEUE: !Ref Queue}}
  Queue:
    Type: AWS::SQS::Queue
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	stack, err := template.New(parsed, template.Environment{Account: "123456789012", Region: "us-east-1", StackName: "shop", Parameters: map[string]string{"Prefix": "dev-"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range stack.Resources {
		fmt.Println(r.LogicalID, r.Type, r.Needs)
	}
	properties, err := stack.Resolve(stack.Resource("Worker"), made{"Queue": "http://127.0.0.1:4566/123456789012/Queue", "WorkerRole.Arn": "arn:aws:iam::123456789012:role/WorkerRole"})
	name, _ := properties.Get("FunctionName")
	timeout, _ := properties.Get("Timeout")
	fmt.Println(name, timeout, err)
	// Output:
	// WorkerRole AWS::IAM::Role []
	// Queue AWS::SQS::Queue []
	// Worker AWS::Lambda::Function [Queue WorkerRole]
	// dev-worker 30 <nil>
}

func ExampleProblems() {
	_, err := template.Load("template.yaml", []byte(`Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Ref Nme
      DelySeconds: 10
    DependOn: Topic
Parameters:
  Name: {Type: String, Default: work}
`), template.Environment{})
	fmt.Println(err)
	// Output:
	// template.yaml:5:18: Resources.Queue.Properties.QueueName: there is no resource or parameter Nme; did you mean Name?
	// template.yaml:6:7: Resources.Queue.Properties.DelySeconds: AWS::SQS::Queue has no supported property DelySeconds; did you mean DelaySeconds?
	// template.yaml:7:5: Resources.Queue.DependOn: a resource has no attribute DependOn; supported are Type, Properties, Condition, DependsOn, DeletionPolicy, UpdateReplacePolicy, Metadata, UpdatePolicy; did you mean DependsOn?
}
