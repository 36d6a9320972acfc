package stack

import (
	"archive/zip"
	"bytes"
	"debug/elf"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
)

// foreignZip is the zip of a function that was built for another machine, in
// base64, and that machine's name.
func foreignZip(t *testing.T) (text, machine string) {
	t.Helper()
	arch, machine := elf.EM_AARCH64, "linux/arm64"
	if runtime.GOARCH == "arm64" {
		arch, machine = elf.EM_X86_64, "linux/amd64"
	}
	h := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(arch), Version: 1, Ehsize: 64}
	copy(h.Ident[:], []byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1})
	var head bytes.Buffer
	if err := binary.Write(&head, binary.LittleEndian, h); err != nil {
		t.Fatal(err)
	}
	return zipped(t, head.Bytes()), machine
}

// zipped is the zip of a function's program, in base64.
func zipped(t *testing.T, program []byte) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	f, err := z.Create("bootstrap")
	if err == nil {
		_, err = f.Write(program)
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

// What sam deploy brings for another architecture is refused by name, and nothing of
// the stack stays.
func TestCodeForAnotherMachineIsRefusedByName(t *testing.T) {
	s, call := running(t)
	text, machine := foreignZip(t)
	call("s3", "CreateBucket", `{"Bucket":"code-of-sam"}`)
	call("s3", "PutObject", fmt.Sprintf(`{"Bucket":"code-of-sam","Key":"step.zip","Body":%q}`, text))
	d := &deployer{T: t, Client: cfnClient(s)}
	_, status := d.deploy(`
Resources:
  Work: {Type: AWS::SQS::Queue, Properties: {QueueName: half}}
  Role: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {Version: '2012-10-17', Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}]}}}
  StepFunction:
    Type: AWS::Lambda::Function
    Properties: {Runtime: provided.al2023, Handler: bootstrap, Role: !GetAtt Role.Arn, Code: {S3Bucket: code-of-sam, S3Key: step.zip}, Environment: {Variables: {QUEUE: !Ref Work}}}
`)
	if status != "ROLLBACK_COMPLETE" {
		t.Fatal(status)
	}
	events, err := d.DescribeStackEvents(t.Context(), &cfn.DescribeStackEventsInput{StackName: aws.String("s")})
	if err != nil {
		t.Fatal(err)
	}
	reason := ""
	for _, e := range events.StackEvents {
		if *e.LogicalResourceId == "StepFunction" && e.ResourceStatus == "CREATE_FAILED" {
			reason = aws.ToString(e.ResourceStatusReason)
		}
	}
	if !strings.Contains(reason, "is a program for "+machine+", and this machine runs "+runtime.GOOS+"/"+runtime.GOARCH) {
		t.Errorf("the reason is %q", reason)
	}
	if queues := call("sqs", "ListQueues", `{}`); strings.Contains(textOf(queues), "half") {
		t.Error("the queue is still there")
	}
}
