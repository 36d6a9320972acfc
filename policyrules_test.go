package stepworks

// This file defines the rules of policy_test.go. serverless-rules are WS and ES
// numbers, checkov's CKV numbers, the cfn-guard registry's are words; "list" is our
// own security review.
//   https://github.com/awslabs/serverless-rules
//   https://www.checkov.io/5.Policy%20Index/cloudformation.html
//   https://github.com/aws-cloudformation/aws-guard-rules-registry
// CKV_AWS_107 to 111 are here as "privileges", and as TestRolesGrantNoMoreThanIsNamed.

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	functionType   = []string{"AWS::Serverless::Function"}
	machineType    = []string{"AWS::Serverless::StateMachine"}
	roleType       = []string{"AWS::IAM::Role"}
	bucketType     = []string{"AWS::S3::Bucket"}
	queueType      = []string{"AWS::SQS::Queue"}
	topicType      = []string{"AWS::SNS::Topic"}
	permissionType = []string{"AWS::Lambda::Permission"}
	resourcePolicy = []string{"AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy", "AWS::S3::BucketPolicy", "AWS::Events::EventBusPolicy"}
)

// ownKeys says why AWS's own keys encrypt here and no customer-managed one does.
const ownKeys = "everything is encrypted with keys that AWS owns; a key of one's own costs a dollar a month and each use, and is for those who must show who may decrypt: docs/decisions.md"

var policyRules = []policyRule{
	{name: "functions are traced", for_: "WS1000 CKV_AWS_50", of: functionType, wrong: is("Active", "Tracing"),
		broken: "Bad: {Type: AWS::Serverless::Function, Properties: {Tracing: PassThrough}}"},
	{name: "functions say their memory", for_: "ES1005", of: functionType, wrong: has("MemorySize"),
		broken: "Bad: {Type: AWS::Serverless::Function, Properties: {Timeout: 3}}"},
	{name: "functions say their timeout", for_: "ES1006", of: functionType, wrong: has("Timeout"),
		broken: "Bad: {Type: AWS::Serverless::Function, Properties: {MemorySize: 128}}"},
	{name: "functions run where AWS still mends", for_: "CKV_AWS_363", of: functionType, wrong: is("provided.al2023", "Runtime"),
		broken: "Bad: {Type: AWS::Serverless::Function, Properties: {Runtime: provided.al2}}"},
	{name: "functions do not call themselves", for_: "list RecursiveLoop", of: functionType, wrong: noLoop,
		broken: "Bad: {Type: AWS::Serverless::Function, Properties: {RecursiveLoop: Allow}}\nGood: {Type: AWS::Serverless::Function, Properties: {RecursiveLoop: Terminate}}"},
	{name: "no secret in an environment", for_: "CKV_AWS_45 CKV_AWS_46", of: functionType, wrong: openSecret,
		broken: "Bad: {Type: AWS::Serverless::Function, Properties: {Environment: {Variables: {API_KEY: abc}}}}\nGood: {Type: AWS::Serverless::Function, Properties: {Environment: {Variables: {CALLBACK_TOKENS_TABLE: !Ref T}}}}"},
	{name: "what events start keeps what fails", for_: "ES1007 CKV_AWS_116 lambda_dlq_check", of: functionType, wrong: losesEvents,
		broken: "Bad: {Type: AWS::Serverless::Function, Properties: {}}\nGood: {Type: AWS::Serverless::Function, Properties: {}}\nR: {Type: AWS::Events::Rule, Properties: {Targets: [{Arn: !GetAtt Bad.Arn}]}}"},
	{name: "streams get past a poison record", for_: "ES1001 list streams", of: functionType, wrong: blocksStream,
		broken: "Bad: {Type: AWS::Serverless::Function, Properties: {Events: {S: {Type: DynamoDB, Properties: {MaximumRetryAttempts: 5}}}}}"},
	{name: "queues outlast their function", for_: "ES6000 list visibility", of: functionType, wrong: impatientQueue,
		broken: "Bad: {Type: AWS::Serverless::Function, Properties: {Timeout: 10, Events: {S: {Type: SQS, Properties: {Queue: !GetAtt Q.Arn, FunctionResponseTypes: [ReportBatchItemFailures]}}}}}\n" +
			"Q: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 30, RedrivePolicy: {maxReceiveCount: 5}}}"},
	{name: "functions reserve concurrency", for_: "CKV_AWS_115 lambda_concurrency_check", of: functionType, wrong: has("ReservedConcurrentExecutions"),
		broken: "Bad: {Type: AWS::Serverless::Function, Properties: {}}",
		except: map[string]string{"*": "what one function reserves, the account's others lack, and a new account has ten to share; queues and retriers bridge throttling, and an alarm tells of it"}},
	{name: "functions stand in a network", for_: "CKV_AWS_117 lambda_inside_vpc", of: functionType, wrong: has("VpcConfig"),
		broken: "Bad: {Type: AWS::Serverless::Function, Properties: {}}",
		except: map[string]string{"*": "they call AWS's APIs alone; a network would add NAT gateways and nothing to protect"}},
	{name: "environments have a key of their own", for_: "CKV_AWS_173", of: functionType, wrong: has("KmsKeyArn"),
		broken: "Bad: {Type: AWS::Serverless::Function, Properties: {}}", except: map[string]string{"*": "they hold names of resources and no secret"}},

	{name: "who invokes a function is named", for_: "WS1003 CKV_AWS_364 CKV_AWS_45 lambda_function_public_access", of: permissionType, wrong: anybody,
		broken: "Bad: {Type: AWS::Lambda::Permission, Properties: {Principal: events.amazonaws.com}}"},
	{name: "one principal invokes a function", for_: "WS1002", of: permissionType, wrong: manyPrincipals,
		broken: "Bad: {Type: AWS::Lambda::Permission, Properties: {FunctionName: !Ref F, Principal: events.amazonaws.com}}\nOther: {Type: AWS::Lambda::Permission, Properties: {FunctionName: !Ref F, Principal: sns.amazonaws.com}}"},

	{name: "only services assume roles", for_: "CKV_AWS_60 CKV_AWS_61", of: roleType, wrong: openTrust,
		broken: "Bad: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {Statement: [{Effect: Allow, Principal: {AWS: '*'}}]}}}", except: map[string]string{
			"ActivityWorkerRole": "workers run wherever the account's people let them; the account's own policies say who assumes it"}},
	{name: "services assume roles for this account alone", for_: "list SourceAccount", of: roleType, wrong: confusedDeputy,
		broken: "Bad: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {Statement: [{Effect: Allow, Principal: {Service: states.amazonaws.com}}]}}}\n" +
			"Good: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}}]}}}"},
	{name: "privileges", for_: "CKV_AWS_62 CKV_AWS_63 CKV_AWS_107 CKV_AWS_108 CKV_AWS_109 CKV_AWS_110 CKV_AWS_111 iam_policydocument_no_wildcard_resource", of: roleType, wrong: privileged,
		broken: "Bad: {Type: AWS::IAM::Role, Properties: {Policies: [{PolicyDocument: {Statement: [{Effect: Allow, Action: 'iam:CreateAccessKey', Resource: x}]}}]}}"},
	{name: "roles are passed to whom they are meant for", for_: "CKV_AWS_110 list PassRole", of: roleType, wrong: needsKeys("iam:PassRole", "iam:PassedToService"), broken: grants("iam:PassRole", "")},
	{name: "events are published under one's own name", for_: "list PutEvents", of: roleType, wrong: needsKeys("events:PutEvents", "events:source"),
		broken: grants("events:PutEvents", "Condition: {StringEquals: {'events:detail-type': x}}")},
	{name: "endpoints are called as meant", for_: "list http:invoke", of: roleType, wrong: needsKeys("states:InvokeHTTPEndpoint", "states:HTTPEndpoint", "states:HTTPMethod"),
		broken: grants("states:InvokeHTTPEndpoint", "Condition: {StringEquals: {'states:HTTPMethod': POST}}")},
	{name: "metrics go to their namespace", for_: "CKV_AWS_111", of: roleType, wrong: needsKeys("cloudwatch:PutMetricData", "cloudwatch:namespace"), broken: grants("cloudwatch:PutMetricData", "")},

	{name: "policies let in whom they name, for whom they name", for_: "sqs_queuepolicy_no_wildcard_principal CKV_AWS_33 list SourceArn", of: resourcePolicy, wrong: lenientPolicy,
		broken: "Bad: {Type: AWS::SQS::QueuePolicy, Properties: {PolicyDocument: {Statement: [{Effect: Allow, Principal: {Service: events.amazonaws.com}}]}}}"},
	{name: "queues want TLS", for_: "list SecureTransport", of: queueType, wrong: secured("AWS::SQS::QueuePolicy", "Queues"), broken: "Bad: {Type: AWS::SQS::Queue}"},
	{name: "topics want TLS", for_: "list SecureTransport", of: topicType, wrong: secured("AWS::SNS::TopicPolicy", "Topics"),
		broken: "Bad: {Type: AWS::SNS::Topic}\nP: {Type: AWS::SNS::TopicPolicy, Properties: {Topics: [!Ref Other], PolicyDocument: {Statement: [{Effect: Deny, Principal: '*', Condition: {Bool: {'aws:SecureTransport': 'false'}}}]}}}"},
	{name: "buckets want TLS", for_: "s3_bucket_ssl_requests_only list SecureTransport", of: bucketType, wrong: secured("AWS::S3::BucketPolicy", "Bucket"),
		broken: "Bad: {Type: AWS::S3::Bucket}\nGood: {Type: AWS::S3::Bucket}\nP: {Type: AWS::S3::BucketPolicy, Properties: {Bucket: !Ref Good, PolicyDocument: {Statement: [{Effect: Deny, Principal: '*', Condition: {Bool: {'aws:SecureTransport': 'false'}}}]}}}"},

	{name: "queues are encrypted", for_: "CKV_AWS_27", of: queueType, wrong: either("SqsManagedSseEnabled", "KmsMasterKeyId"), broken: "Bad: {Type: AWS::SQS::Queue}"},
	{name: "queues say how long they keep", for_: "I3013", of: queueType, wrong: has("MessageRetentionPeriod"), broken: "Bad: {Type: AWS::SQS::Queue}"},
	{name: "queues that are read redrive", for_: "ES6000 list DLQ", of: queueType, wrong: noRedrive,
		broken: "Bad: {Type: AWS::SQS::Queue}\nF: {Type: AWS::Serverless::Function, Properties: {Events: {S: {Type: SQS, Properties: {Queue: !GetAtt Bad.Arn}}}}}"},
	{name: "topics have a key", for_: "CKV_AWS_26", of: topicType, wrong: has("KmsMasterKeyId"), broken: "Bad: {Type: AWS::SNS::Topic}",
		except: map[string]string{"*": "AWS's own key for topics lets neither alarms nor rules publish; " + ownKeys}},
	{name: "subscriptions keep what they cannot deliver", for_: "ES7000 SNS redrive", of: []string{"AWS::SNS::Subscription"}, wrong: has("RedrivePolicy"), broken: "Bad: {Type: AWS::SNS::Subscription}",
		except: map[string]string{"AlertsSubscription": "mail: what cannot be delivered is in nobody's queue to read, and the alarms say the same"}},

	{name: "buckets are encrypted", for_: "CKV_AWS_19", of: bucketType, wrong: has("BucketEncryption"), broken: "Bad: {Type: AWS::S3::Bucket}"},
	{name: "buckets are closed to the public", for_: "CKV_AWS_20 CKV_AWS_53 CKV_AWS_54 CKV_AWS_55 CKV_AWS_56 CKV_AWS_57 list BucketOwnerEnforced", of: bucketType, wrong: openBucket,
		broken: "Bad: {Type: AWS::S3::Bucket, Properties: {PublicAccessBlockConfiguration: {BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true}}}"},
	{name: "buckets forget unfinished uploads", for_: "list AbortIncompleteMultipartUpload", of: bucketType, wrong: keepsParts, broken: "Bad: {Type: AWS::S3::Bucket, Properties: {LifecycleConfiguration: {Rules: [{Id: a}]}}}"},
	{name: "buckets keep versions", for_: "CKV_AWS_21", of: bucketType, wrong: has("VersioningConfiguration"), broken: "Bad: {Type: AWS::S3::Bucket}", except: map[string]string{
		"ReportsBucket": "reports are made anew from their data and forgotten after a week",
		"ImportsBucket": "uploads are under ids of their own, written once and forgotten",
	}},
	{name: "access to buckets is logged", for_: "CKV_AWS_18", of: bucketType, wrong: has("LoggingConfiguration"), broken: "Bad: {Type: AWS::S3::Bucket}",
		except: map[string]string{"*": "that is CloudTrail's to do for the account, and a bucket for logs would be one more to guard"}},
	{name: "tables can go back in time", for_: "CKV_AWS_28 dynamodb_pitr_enabled", of: []string{"AWS::DynamoDB::Table"}, wrong: has("PointInTimeRecoverySpecification"), broken: "Bad: {Type: AWS::DynamoDB::Table}"},
	{name: "tables have a key of their own", for_: "CKV_AWS_119 dynamodb_table_encrypted_kms", of: []string{"AWS::DynamoDB::Table"}, wrong: has("SSESpecification"), broken: "Bad: {Type: AWS::DynamoDB::Table}", except: map[string]string{"*": ownKeys}},
	{name: "log groups forget", for_: "WS1004 CKV_AWS_66 cw_loggroup_retention_period_check", of: []string{"AWS::Logs::LogGroup"}, wrong: has("RetentionInDays"), broken: "Bad: {Type: AWS::Logs::LogGroup}"},
	{name: "log groups have a key of their own", for_: "CKV_AWS_158 cloudwatch_log_group_encrypted", of: []string{"AWS::Logs::LogGroup"}, wrong: has("KmsKeyId"), broken: "Bad: {Type: AWS::Logs::LogGroup}", except: map[string]string{"*": ownKeys}},
	{name: "secrets have a key of their own", for_: "secretsmanager_using_cmk CKV_AWS_149", of: []string{"AWS::SecretsManager::Secret"}, wrong: has("KmsKeyId"), broken: "Bad: {Type: AWS::SecretsManager::Secret}", except: map[string]string{"*": ownKeys}},
	{name: "secrets are not written down", for_: "list secrets", of: []string{"AWS::SecretsManager::Secret"}, wrong: has("GenerateSecretString"), broken: "Bad: {Type: AWS::SecretsManager::Secret, Properties: {SecretString: abc}}"},
	{name: "keys rotate", for_: "CKV_AWS_7", of: []string{"AWS::KMS::Key"}, wrong: is("true", "EnableKeyRotation"), broken: "Bad: {Type: AWS::KMS::Key, Properties: {}}"},

	{name: "machines are traced", for_: "WS5000 Step Functions tracing", of: machineType, wrong: is("true", "Tracing", "Enabled"), broken: "Bad: {Type: AWS::Serverless::StateMachine, Properties: {Tracing: {Enabled: false}}}"},
	{name: "machines log everything", for_: "list logging", of: machineType, wrong: is("ALL", "Logging", "Level"), broken: "Bad: {Type: AWS::Serverless::StateMachine, Properties: {Logging: {Level: ERROR}}}"},
	{name: "machines log no data", for_: "list IncludeExecutionData", of: machineType, wrong: is("false", "Logging", "IncludeExecutionData"), broken: "Bad: {Type: AWS::Serverless::StateMachine, Properties: {Logging: {Level: ALL}}}"},
	{name: "machines have a key of their own", for_: "list EncryptionConfiguration", of: machineType, wrong: has("EncryptionConfiguration"), broken: "Bad: {Type: AWS::Serverless::StateMachine}",
		except: map[string]string{"*": "SAM's state machine has no such property; " + ownKeys}},
	{name: "machines may have children", for_: "list distributed maps", of: machineType, wrong: childless,
		broken: "Bad: {Type: AWS::Serverless::StateMachine, Properties: {Name: m, DefinitionUri: statemachines/import-csv.asl.json, Role: !GetAtt R.Arn}}\nR: {Type: AWS::IAM::Role}"},
	{name: "rules keep what they cannot deliver", for_: "ES4000", of: []string{"AWS::Events::Rule"}, wrong: undelivered, broken: "Bad: {Type: AWS::Events::Rule, Properties: {Targets: [{Id: a}]}}"},
}

// grants is a template with a role that is granted an action, under a condition.
func grants(action, condition string) string {
	return fmt.Sprintf("Bad: {Type: AWS::IAM::Role, Properties: {Policies: [{PolicyDocument: {Statement: [{Effect: Allow, Action: '%s', Resource: x, %s}]}}]}}", action, condition)
}

func noLoop(w whole, _ string, r node) string {
	if loop := w.effective(r, "RecursiveLoop").Value; loop != "" && loop != "Terminate" { // which is AWS's default
		return "RecursiveLoop must be Terminate"
	}
	return ""
}

var secretName = regexp.MustCompile(`(?i)(secret|password|token|key|credential)s?$`)

func openSecret(w whole, _ string, r node) string {
	for name, value := range w.effective(r, "Environment", "Variables").members() {
		if secretName.MatchString(name) || strings.Contains(value.Value, "{{resolve:") {
			return name + ": a function reads secrets where they are kept"
		}
	}
	return ""
}

func losesEvents(w whole, id string, r node) string {
	for _, rule := range w.of("AWS::Events::Rule") {
		for _, target := range rule.get("Properties", "Targets").items() {
			if targetOf(target.get("Arn")) == id && r.get("Properties", "EventInvokeConfig", "DestinationConfig", "OnFailure", "Destination").Kind == 0 {
				return "events start it, so it needs EventInvokeConfig.DestinationConfig.OnFailure"
			}
		}
	}
	return ""
}

func blocksStream(_ whole, _ string, r node) string {
	for name, event := range r.get("Properties", "Events").members() {
		if event.get("Type").Value != "DynamoDB" && event.get("Type").Value != "Kinesis" {
			continue
		}
		for _, property := range []string{"DestinationConfig", "MaximumRetryAttempts", "MaximumRecordAgeInSeconds", "BisectBatchOnFunctionError", "FunctionResponseTypes"} {
			if event.get("Properties", property).Kind == 0 {
				return name + " needs " + property + ", or one bad record holds up its shard for a day"
			}
		}
	}
	return ""
}

func impatientQueue(w whole, _ string, r node) string {
	for name, event := range r.get("Properties", "Events").members() {
		if event.get("Type").Value != "SQS" {
			continue
		}
		queue := w.root.get("Resources", targetOf(event.get("Properties", "Queue")))
		visible, _ := strconv.Atoi(queue.get("Properties", "VisibilityTimeout").Value)
		timeout, _ := strconv.Atoi(w.effective(r, "Timeout").Value)
		switch {
		case visible < 6*timeout: // https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
			return fmt.Sprintf("%s: the queue's VisibilityTimeout of %d s must be six times the function's %d s", name, visible, timeout)
		case !slices.Contains(event.get("Properties", "FunctionResponseTypes").strings(), "ReportBatchItemFailures"):
			return name + " needs ReportBatchItemFailures"
		}
	}
	return ""
}

func anybody(_ whole, _ string, r node) string {
	switch p := r.get("Properties"); {
	case p.get("Principal").Value == "*":
		return "everybody may invoke it"
	case p.get("SourceArn").Kind == 0:
		return "needs a SourceArn, or anybody's rule or topic may invoke it"
	}
	return ""
}

func manyPrincipals(w whole, _ string, r node) string {
	for id, other := range w.of("AWS::Lambda::Permission") {
		a, b := r.get("Properties"), other.get("Properties")
		if targetOf(a.get("FunctionName")) == targetOf(b.get("FunctionName")) && a.get("Principal").Value != b.get("Principal").Value {
			return "another principal than that of " + id + " invokes the same function"
		}
	}
	return ""
}

func openTrust(_ whole, _ string, r node) string {
	for _, s := range r.get("Properties", "AssumeRolePolicyDocument", "Statement").items() {
		if s.get("Principal", "Service").Value == "" {
			return "only a service may assume it"
		}
	}
	return ""
}

func confusedDeputy(_ whole, _ string, r node) string {
	for _, s := range r.get("Properties", "AssumeRolePolicyDocument", "Statement").items() {
		keys := conditionKeys(s, exact...)
		switch service := s.get("Principal", "Service").Value; {
		case service == "": // see openTrust
		case slices.Contains(keys, "aws:SourceAccount") || slices.Contains(keys, "aws:SourceArn"):
		case service == "lambda.amazonaws.com": // sends neither: a function's role is passed when it is made
		default:
			return service + " needs a condition on aws:SourceAccount"
		}
	}
	return ""
}

// forbidden are actions with which a role could become another, or read what is not
// its own.
var forbidden = regexp.MustCompile(`(?i)^(iam|sts|organizations|kms):|:(Put|Add|Remove)\w*(Policy|Permission)\b|^lambda:(Create|Update)|^cloudformation:|^ssm:Get`)

func privileged(_ whole, _ string, r node) string {
	for _, s := range statements(r) {
		if s.get("NotAction").Kind != 0 || s.get("NotResource").Kind != 0 || s.get("NotPrincipal").Kind != 0 {
			return s.get("Sid").Value + ": says what is not granted, and so grants all else"
		}
		for _, action := range s.get("Action").strings() {
			// Step Functions' log delivery is the one case: https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
			if action == "iam:PassRole" || action == "logs:PutResourcePolicy" {
				continue
			}
			if forbidden.MatchString(action) || strings.HasSuffix(action, "*") {
				return s.get("Sid").Value + ": nothing here needs " + action
			}
		}
	}
	return ""
}

func lenientPolicy(_ whole, _ string, r node) string {
	for _, s := range statements(r) {
		if s.get("Effect").Value != "Allow" {
			continue
		}
		keys := conditionKeys(s, exact...)
		switch {
		case s.get("Principal").Value == "*" || s.get("Principal", "AWS").Value == "*":
			return s.get("Sid").Value + " lets in everybody"
		case s.get("Principal", "Service").Value != "" && !slices.Contains(keys, "aws:SourceArn") && !slices.Contains(keys, "aws:SourceAccount"):
			return s.get("Sid").Value + " lets a service in for anybody: it needs a condition on aws:SourceArn or aws:SourceAccount"
		}
	}
	return ""
}

func either(names ...string) func(w whole, id string, r node) string {
	return func(_ whole, _ string, r node) string {
		for _, name := range names {
			if v := r.get("Properties", name); v.Kind != 0 && v.Value != "false" {
				return ""
			}
		}
		return "needs " + strings.Join(names, " or ")
	}
}

// noRedrive looks at queues that somebody reads by himself: others are dead-letter
// queues, or there for people.
func noRedrive(w whole, id string, r node) string {
	for _, f := range w.of("AWS::Serverless::Function") {
		for _, event := range f.get("Properties", "Events").members() {
			if targetOf(event.get("Properties", "Queue")) == id && r.get("Properties", "RedrivePolicy").Kind == 0 {
				return "needs a RedrivePolicy, or what its function cannot take comes back until it is too old"
			}
		}
	}
	return ""
}

func openBucket(_ whole, _ string, r node) string {
	p := r.get("Properties")
	for _, setting := range []string{"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"} {
		if p.get("PublicAccessBlockConfiguration", setting).Value != "true" {
			return setting + " must be true"
		}
	}
	// Without OwnershipControls a new bucket has BucketOwnerEnforced, and no ACL:
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
	if p.get("AccessControl").Kind != 0 || p.get("OwnershipControls").Kind != 0 {
		return "a bucket's owner owns its objects: no AccessControl, no OwnershipControls"
	}
	return ""
}

func keepsParts(_ whole, _ string, r node) string {
	for _, rule := range r.get("Properties", "LifecycleConfiguration", "Rules").items() {
		if rule.get("AbortIncompleteMultipartUpload", "DaysAfterInitiation").Value != "" {
			return ""
		}
	}
	return "needs a lifecycle rule with AbortIncompleteMultipartUpload: parts cost and nobody sees them"
}

func undelivered(_ whole, _ string, r node) string {
	for _, target := range r.get("Properties", "Targets").items() {
		if target.get("DeadLetterConfig", "Arn").Kind == 0 || target.get("RetryPolicy").Kind == 0 {
			return "target " + target.get("Id").Value + " needs a DeadLetterConfig and a RetryPolicy"
		}
	}
	return ""
}

// childless looks at machines with distributed maps, whose children are executions
// of the machine itself.
// https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
func childless(w whole, _ string, r node) string {
	var definition any
	text, err := os.ReadFile(r.get("Properties", "DefinitionUri").Value)
	if err != nil || json.Unmarshal(text, &definition) != nil {
		return "" // another test's business
	}
	name := r.get("Properties", "Name").Value
	role := w.of("AWS::IAM::Role")[targetOf(r.get("Properties", "Role"))]
	for _, label := range distributedMaps(definition) {
		for action, resource := range map[string]string{"states:StartExecution": "stateMachine:" + name, "states:DescribeExecution": "execution:" + name + ":*",
			"states:StopExecution": "execution:" + name + ":*", "states:RedriveExecution": "execution:" + name + "/" + label + ":*"} {
			if !slices.ContainsFunc(statements(role), func(s node) bool {
				return slices.Contains(s.get("Action").strings(), action) && strings.HasSuffix(s.get("Resource").Value, ":"+resource)
			}) {
				return "has a distributed map, so its role needs " + action + " on " + resource
			}
		}
	}
	return ""
}

// distributedMaps are the labels of all distributed maps in part of a definition,
// by which a role can name their children.
func distributedMaps(part any) (labels []string) {
	switch part := part.(type) {
	case map[string]any:
		processor, _ := part["ItemProcessor"].(map[string]any)
		if config, _ := processor["ProcessorConfig"].(map[string]any); config["Mode"] == "DISTRIBUTED" {
			label, _ := part["Label"].(string)
			labels = append(labels, label)
		}
		for _, v := range part {
			labels = append(labels, distributedMaps(v)...)
		}
	case []any:
		for _, v := range part {
			labels = append(labels, distributedMaps(v)...)
		}
	}
	return labels
}
